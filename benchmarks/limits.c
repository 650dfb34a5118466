/* What a processor can do: its multiply-adds, its memory, and the first layer by hand, all that the kernels do there and nothing
   else. In vectors as wide as it has them; see limits.py, which compiles this for some size and width of rows. */
#include <stdint.h>

#if SIZE == 4
typedef float real;
#else
typedef double real;
#endif
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef real vector __attribute__((vector_size(BYTES)));
enum { LANES = BYTES / SIZE, VECTORS = WIDTH / LANES, SUMS = 12 };
const int multiply_adds_at_a_time = LANES * SUMS;
#define at(p) (*(vector *)(p))

/* Multiply-adds in registers, LANES * SUMS of them at a time. */
void multiply_add(int64_t times) {
    vector sums[SUMS], x = (vector){0} + (real)1e-3, y = x;
    for (int v = 0; v < SUMS; v++) sums[v] = x * (real)v;
    while (times--) {
        __asm__("" : "+x"(x), "+x"(y));  /* nobody knows what they are */
        for (int v = 0; v < SUMS; v++) sums[v] += x * y;
    }
    for (int v = 0; v < SUMS; v++) __asm__ volatile("" : : "x"(sums[v]));
}

/* z = w x for each sample: rows of weights come in, the sums stay in registers. */
void forward(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
             const real *levels, real *weights, real *batch_z) {
    for (int64_t s = 0; s < n; s++) {
        real *z = batch_z + s % batch * WIDTH;
        vector sums[VECTORS];
        for (int v = 0; v < VECTORS; v++) sums[v] = at(z + v * LANES);
        for (int64_t i = starts[s]; i < starts[s + 1]; i++) {
            real x = levels[values[i]], *row = weights + indices[i] * WIDTH;
            for (int v = 0; v < VECTORS; v++) sums[v] += x * at(row + v * LANES);
        }
        for (int v = 0; v < VECTORS; v++) at(z + v * LANES) = sums[v];
    }
}

/* w += x delta for each sample: the deltas stay in registers, rows of weights come in and go out. */
void update(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
            const real *levels, real *weights, const real *batch_deltas) {
    for (int64_t s = 0; s < n; s++) {
        const real *deltas = batch_deltas + s % batch * WIDTH;
        vector delta[VECTORS];
        for (int v = 0; v < VECTORS; v++) delta[v] = at(deltas + v * LANES);
        for (int64_t i = starts[s]; i < starts[s + 1]; i++) {
            real x = levels[values[i]], *row = weights + indices[i] * WIDTH;
            for (int v = 0; v < VECTORS; v++) at(row + v * LANES) += x * delta[v];
        }
    }
}

/* Sweeps over some memory: to read it, or to read, change and write it. */
void sweep(real *memory, int64_t size, int64_t times, int writing) {
    vector sums[4] = {0}, one = (vector){0} + 1;
    while (times--)
        for (int64_t i = 0; i + 4 * LANES <= size; i += 4 * LANES)
            for (int v = 0; v < 4; v++)
                if (writing) at(memory + i + v * LANES) += one;
                else sums[v] += at(memory + i + v * LANES);
    for (int v = 0; v < 4; v++) __asm__ volatile("" : : "x"(sums[v]));
}
