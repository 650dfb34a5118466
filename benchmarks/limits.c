/* The first layer by hand, in AVX2 intrinsics: all that the kernels do there and nothing else. See limits.py. */
#include <immintrin.h>
#include <stdint.h>

#if WIDTH % (32 / SIZE)
#error "a row must be whole vectors"
#endif
#if SIZE == 4
typedef float real;
typedef __m256 vector;
#define load _mm256_load_ps
#define store _mm256_store_ps
#define fma _mm256_fmadd_ps
#define spread(x) _mm256_broadcast_ss(x)
#else
typedef double real;
typedef __m256d vector;
#define load _mm256_load_pd
#define store _mm256_store_pd
#define fma _mm256_fmadd_pd
#define spread(x) _mm256_broadcast_sd(x)
#endif

enum { LANES = 32 / SIZE, VECTORS = WIDTH / LANES };

/* z = w x for each sample: rows of weights come in, the sums stay in registers. */
void forward(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
             const real *levels, const real *weights, real *batch_z) {
    for (int64_t s = 0; s < n; s++) {
        real *z = batch_z + s % batch * WIDTH;
        vector sums[VECTORS];
        for (int v = 0; v < VECTORS; v++) sums[v] = load(z + v * LANES);
        for (int64_t i = starts[s]; i < starts[s + 1]; i++) {
            vector x = spread(&levels[values[i]]);
            const real *row = weights + indices[i] * WIDTH;
            for (int v = 0; v < VECTORS; v++) sums[v] = fma(x, load(row + v * LANES), sums[v]);
        }
        for (int v = 0; v < VECTORS; v++) store(z + v * LANES, sums[v]);
    }
}

/* w += x delta for each sample: the deltas stay in registers, rows of weights come in and go out. */
void update(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
            const real *levels, real *weights, const real *batch_deltas) {
    for (int64_t s = 0; s < n; s++) {
        const real *deltas = batch_deltas + s % batch * WIDTH;
        vector delta[VECTORS];
        for (int v = 0; v < VECTORS; v++) delta[v] = load(deltas + v * LANES);
        for (int64_t i = starts[s]; i < starts[s + 1]; i++) {
            vector x = spread(&levels[values[i]]);
            real *row = weights + indices[i] * WIDTH;
            for (int v = 0; v < VECTORS; v++) store(row + v * LANES, fma(x, delta[v], load(row + v * LANES)));
        }
    }
}

/* Sweeps over some memory: to read it, or to read, change and write it. */
void sweep(real *memory, int64_t size, int64_t times, int writing) {
    vector sums[4] = {0}, one = {1};
    while (times--)
        for (int64_t i = 0; i < size; i += 4 * LANES)
            for (int v = 0; v < 4; v++)
                if (writing) store(memory + i + v * LANES, fma(one, one, load(memory + i + v * LANES)));
                else sums[v] = fma(one, load(memory + i + v * LANES), sums[v]);
    for (int v = 0; v < 4; v++) __asm__ volatile("" : : "x"(sums[v]));
}
