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

/* Some columns of z = w x for one sample or two at once: rows of weights come in, the sums stay in registers. */
static inline __attribute__((always_inline)) void forward_part(
    int rows, int vectors, const int64_t *starts, const uint16_t *indices, const uint8_t *values, const real *levels,
    const real *weights, real *z) {
    vector sums[2][4];
    int64_t length[2], common;
    for (int k = 0; k < rows; k++) {
        length[k] = starts[k + 1] - starts[k];
        for (int v = 0; v < vectors; v++) sums[k][v] = at(z + k * WIDTH + v * LANES);
    }
    common = rows == 2 && length[1] < length[0] ? length[1] : length[0];
#define ADD(k, i) do { \
        real x = levels[values[starts[k] + i]]; \
        const real *row = weights + indices[starts[k] + i] * WIDTH; \
        for (int v = 0; v < vectors; v++) sums[k][v] += x * at(row + v * LANES); \
    } while (0)
    for (int64_t i = 0; i < common; i++) {
        ADD(0, i);
        if (rows == 2) ADD(1, i);
    }
    for (int64_t i = common; i < length[0]; i++) ADD(0, i);
    if (rows == 2) for (int64_t i = common; i < length[1]; i++) ADD(1, i);
    for (int k = 0; k < rows; k++)
        for (int v = 0; v < vectors; v++) at(z + k * WIDTH + v * LANES) = sums[k][v];
}

#define FORWARD_PART(vectors, at_once) \
    for (int64_t s = 0; s < batch; s += at_once) \
        if (s + at_once <= batch) \
            forward_part(at_once, vectors, starts + s, indices, values, levels, weights + column, z + s * WIDTH + column); \
        else \
            forward_part(1, vectors, starts + s, indices, values, levels, weights + column, z + s * WIDTH + column)

/* z = w x for mini-batches: some columns after the other, for all samples, so that these weights stay near. */
void forward(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
             const real *levels, real *weights, real *z) {
    for (; n >= batch; n -= batch, starts += batch) {
        int column = 0;
        for (; column + 4 * LANES <= WIDTH; column += 4 * LANES) FORWARD_PART(4, 1);
        for (; column + 2 * LANES <= WIDTH; column += 2 * LANES) FORWARD_PART(2, 2);
        for (; column < WIDTH; column += LANES) FORWARD_PART(1, 2);
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
