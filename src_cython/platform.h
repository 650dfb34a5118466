/* What depends on the processor, the compiler or the system. None of it changes a bit of a result. */

#ifndef NNDL_EXT_PLATFORM_H
#define NNDL_EXT_PLATFORM_H

#include <stdint.h>

/* The largest percentage of non-zero elements for which skipping the zeros pays, and vectors of columns in a register tile:
   enough independent sums to hide the latency of an addition, and no spills. */
#ifdef __AVX512F__
#define NNDL_EXT_MOST_FILLED 40
#define NNDL_EXT_TILE 2
#else
#define NNDL_EXT_MOST_FILLED 50
#define NNDL_EXT_TILE 1
#endif

#if defined(__i386__) && !defined(__SSE2_MATH__)
#error "x87 arithmetic rounds twice, which gives other bits: compile with CFLAGS='-msse2 -mfpmath=sse'"
#endif
#ifdef _WIN32
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#define NNDL_EXT_YIELD() SwitchToThread()
#else
#include <sched.h>
#define NNDL_EXT_YIELD() sched_yield()
#endif
#if defined(_MSC_VER) && !defined(__clang__)
#define NNDL_EXT_LOAD(p) InterlockedExchangeAdd64((p), 0)
#define NNDL_EXT_ADD(p, n) (InterlockedExchangeAdd64((p), (n)) + (n))
#define NNDL_EXT_PAUSE() YieldProcessor()
#define NNDL_EXT_PREFETCH(p) PreFetchCacheLine(PF_TEMPORAL_LEVEL_2, (p))
#else
#define NNDL_EXT_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define NNDL_EXT_ADD(p, n) __atomic_add_fetch((p), (n), __ATOMIC_ACQ_REL)
#if defined(__x86_64__) || defined(__i386__)
#define NNDL_EXT_PAUSE() __builtin_ia32_pause()
#else
#define NNDL_EXT_PAUSE() ((void) 0)
#endif
#define NNDL_EXT_PREFETCH(p) __builtin_prefetch((p), 0, 2)
#endif
/* Waits until every thread has arrived as often as this one, and returns 1. Returns 0 if a thread has abandoned the job and
   will never arrive. The count of arrivals only grows, so nothing resets it. A thread may abandon the job after its arrival
   here, so the count is read once more. */
static int nndl_ext_meet(int64_t *meeting, int64_t threads) {
    int64_t *arrivals = meeting, *abandoned = meeting + 1;
    int64_t wanted = ((NNDL_EXT_ADD(arrivals, 1) - 1) / threads + 1) * threads;
    for (int spins = 0; NNDL_EXT_LOAD(arrivals) < wanted; spins++) {
        if (NNDL_EXT_LOAD(abandoned)) return NNDL_EXT_LOAD(arrivals) >= wanted;
        if (spins < 2000) NNDL_EXT_PAUSE(); else NNDL_EXT_YIELD();
    }
    return 1;
}

#endif
