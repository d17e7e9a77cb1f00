/* What the fast paths share: columns that grow, and hashes that no file can foresee. Limited API; needs only the buffer protocol. */

#ifndef PLOPI_FAST_H
#define PLOPI_FAST_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEED_BYTES 32

/* --- columns: 64-bit integers in a bytearray, handed to Python without a copy --- */

typedef struct {
    PyObject *array;
    int64_t *at;
    Py_ssize_t size, room;
} Column;

static inline int column_start(Column *column) {
    column->size = column->room = 0;
    column->at = NULL;
    column->array = PyByteArray_FromStringAndSize(NULL, 0);
    return column->array ? 0 : -1;
}

static inline int column_reserve(Column *column, Py_ssize_t more) {
    if (column->room - column->size >= more)
        return 0;
    Py_ssize_t room = column->size + more;
    if (room < column->room + column->room / 2)
        room = column->room + column->room / 2;
    if (room < 1024)
        room = 1024;
    if (PyByteArray_Resize(column->array, room * (Py_ssize_t)sizeof(int64_t)))
        return -1;
    column->at = (int64_t *)PyByteArray_AsString(column->array);
    column->room = room;
    return 0;
}

static inline int column_push(Column *column, int64_t value) {
    if (column->size == column->room && column_reserve(column, 1))
        return -1;
    column->at[column->size++] = value;
    return 0;
}

/* The bytearray, cut to its size; NULL with an exception. The column is empty afterwards. */
static inline PyObject *column_take(Column *column) {
    PyObject *array = column->array;
    column->array = NULL;
    if (array && PyByteArray_Resize(array, column->size * (Py_ssize_t)sizeof(int64_t))) {
        Py_DECREF(array);
        return NULL;
    }
    return array;
}

static inline void column_drop(Column *column) { Py_CLEAR(column->array); }

/* --- a hash table of numbers 0, 1, 2, ...; the keys stand elsewhere --- */

typedef struct {
    uint32_t *slots; /* number + 1; 0 is free */
    size_t mask;
    uint64_t *hashes; /* by number */
    size_t count;
} Table;

static inline int table_grow(Table *table) {
    if (table->slots && table->count * 2 < table->mask)
        return 0;
    size_t size = table->slots ? (table->mask + 1) * 4 : 1 << 12;
    uint32_t *slots = calloc(size, sizeof *slots);
    uint64_t *hashes = realloc(table->hashes, size * sizeof *hashes);
    if (hashes)
        table->hashes = hashes;
    if (!slots || !hashes) {
        free(slots);
        PyErr_NoMemory();
        return -1;
    }
    for (size_t number = 0; number < table->count; number++) {
        size_t slot = hashes[number] & (size - 1);
        while (slots[slot])
            slot = (slot + 1) & (size - 1);
        slots[slot] = (uint32_t)number + 1;
    }
    free(table->slots);
    table->slots = slots;
    table->mask = size - 1;
    return 0;
}

static inline void table_drop(Table *table) {
    free(table->slots);
    free(table->hashes);
}

/* --- hashes --- */

typedef struct {
    uint64_t a, b, c, d;
} Seed;

static inline uint64_t load64(const unsigned char *at) {
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

static inline int seed_from(Seed *seed, const Py_buffer *from) {
    if (from->len != SEED_BYTES) {
        PyErr_SetString(PyExc_ValueError, "a seed has 32 bytes");
        return -1;
    }
    const unsigned char *at = from->buf;
    seed->a = load64(at), seed->b = load64(at + 8), seed->c = load64(at + 16) | 1, seed->d = load64(at + 24) | 1;
    return 0;
}

/* Two numbers: a bijection of 64 bits under secret keys, so only the places in a table can meet, and those nobody can foresee. */
static inline uint64_t hash_number(const Seed *seed, uint64_t key) {
    uint64_t hash = (key ^ seed->a) * seed->c;
    hash = (hash ^ hash >> 32 ^ seed->b) * seed->d;
    return hash ^ hash >> 29;
}

#define ROTATED(value, by) ((value) << (by) | (value) >> (64 - (by)))
#define SIP_ROUND                                                                                                            \
    do {                                                                                                                     \
        v0 += v1, v1 = ROTATED(v1, 13) ^ v0, v0 = ROTATED(v0, 32);                                                           \
        v2 += v3, v3 = ROTATED(v3, 16) ^ v2;                                                                                 \
        v0 += v3, v3 = ROTATED(v3, 21) ^ v0;                                                                                 \
        v2 += v1, v1 = ROTATED(v1, 17) ^ v2, v2 = ROTATED(v2, 32);                                                           \
    } while (0)

/* SipHash-1-3, as CPython hashes strings. */
static inline uint64_t hash_bytes(const Seed *seed, const unsigned char *at, size_t size) {
    uint64_t v0 = seed->a ^ 0x736f6d6570736575, v1 = seed->b ^ 0x646f72616e646f6d;
    uint64_t v2 = seed->a ^ 0x6c7967656e657261, v3 = seed->b ^ 0x7465646279746573;
    uint64_t last = (uint64_t)size << 56;
    for (; size >= 8; size -= 8, at += 8) {
        uint64_t word = load64(at);
        v3 ^= word;
        SIP_ROUND;
        v0 ^= word;
    }
    for (size_t i = 0; i < size; i++)
        last |= (uint64_t)at[i] << 8 * i;
    v3 ^= last;
    SIP_ROUND;
    v0 ^= last;
    v2 ^= 0xff;
    SIP_ROUND;
    SIP_ROUND;
    SIP_ROUND;
    return v0 ^ v1 ^ v2 ^ v3;
}

PyObject *fast_pstats(PyObject *module, PyObject *arguments);
PyObject *fast_samples(PyObject *module, PyObject *arguments);
PyObject *fast_trie(PyObject *module, PyObject *arguments);

#endif
