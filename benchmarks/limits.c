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
enum { LANES = BYTES / SIZE, SUMS = 12 };
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

/* One or two vectors of z = w x for one sample or two at once: with few sums, each addition waits for the one before. */
static inline __attribute__((always_inline)) void narrow_part(
    int rows, int vectors, const int64_t *starts, const uint16_t *indices, const uint8_t *values, const real *levels,
    const real *weights, real *z) {
    vector sums[2][2];
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

/* Some columns of z = w x, or of w += x delta, for a mini-batch. A sample's sums or deltas stay in registers. If there are many
   columns, as many rows of weights as fit into the first cache are used for all samples before the next ones. */
static inline __attribute__((always_inline)) void part(
    int updating, int vectors, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
    const real *levels, real *weights, real *rows) {
    int64_t places[batch], tile = vectors < 4 || batch < 4 ? 65536 : 65536 / (vectors * BYTES);
    for (int64_t s = 0; s < batch; s++) places[s] = starts[s];
    for (int64_t end = tile, left = 1; left; end += tile) {
        left = 0;
        for (int64_t s = 0; s < batch; s++) {
            int64_t i = places[s], last = starts[s + 1];
            vector own[7];
            if (i == last || indices[i] >= end) {
                left |= i < last;
                continue;
            }
            for (int v = 0; v < vectors; v++) own[v] = at(rows + s * WIDTH + v * LANES);
            do {
                real x = levels[values[i]], *row = weights + indices[i] * WIDTH;
                for (int v = 0; v < vectors; v++)
                    if (updating) at(row + v * LANES) += x * own[v];
                    else own[v] += x * at(row + v * LANES);
            } while (++i < last && indices[i] < end);
            if (!updating) for (int v = 0; v < vectors; v++) at(rows + s * WIDTH + v * LANES) = own[v];
            places[s] = i;
            left |= i < last;
        }
    }
}

#define PARTS(updating, vectors) \
    for (; column + vectors * LANES <= WIDTH; column += vectors * LANES) \
        part(updating, vectors, batch, starts, indices, values, levels, weights + column, rows + column)
#define NARROW_PARTS(vectors) \
    for (; column + vectors * LANES <= WIDTH; column += vectors * LANES) \
        for (int64_t s = 0; s < batch; s += 2) \
            narrow_part(s + 2 <= batch ? 2 : 1, vectors, starts + s, indices, values, levels, weights + column, \
                        rows + s * WIDTH + column)

/* z = w x for mini-batches. */
void forward(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
             const real *levels, real *weights, real *rows) {
    for (; n >= batch; n -= batch, starts += batch) {
        int column = 0;
        PARTS(0, 7);
        PARTS(0, 4);
        NARROW_PARTS(2);
        NARROW_PARTS(1);
    }
}

/* w += x delta for mini-batches. */
void update(int64_t n, int64_t batch, const int64_t *starts, const uint16_t *indices, const uint8_t *values,
            const real *levels, real *weights, real *rows) {
    for (; n >= batch; n -= batch, starts += batch) {
        int column = 0;
        PARTS(1, 7);
        PARTS(1, 4);
        PARTS(1, 2);
        PARTS(1, 1);
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
