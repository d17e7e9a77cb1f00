/* The pool of samples: what the signal handler writes and the drain reads.

   Preallocated, lock-free, many producers and one consumer. Free samples are a stack (the one given back last is taken first, so
   only as much memory is ever touched as was once waiting at the same time); its head carries a counter against ABA. Written
   samples are a stack too, which only grows until the consumer takes it whole, so there is nothing for ABA to spoil; its head carries how
   often that was, so that what was seen before can be told from what still holds (`pool_publish_if`).
   A producer that is interrupted or preempted half-way holds a sample that is on neither list: it holds up nobody. */

#ifndef PLOPI_SAMPLER_POOL_H
#define PLOPI_SAMPLER_POOL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>

#define MAX_DEPTH 256
#define POOL_SAMPLES 2048u
#define POOL_TRIES 64

enum { TRUNCATED = 1, IN_GC = 2, FIRST = 4, FROM_WALL = 8, LAST = 16 };
enum { OF_GENERATOR = 1, CALLS_PYTHON = 2, TAGS = 7 }; /* low bits of a code pointer: what its frame is, and is doing */

typedef struct {
    _Atomic uint32_t next; /* index + 1 of the next sample of a list; 0 ends it */
    uint32_t thread;       /* number of the thread within the session */
    int32_t tid;
    uint16_t depth;
    uint16_t flags;
    int32_t entry; /* row of the watched threads, or -1 */
    uint64_t ident;
    uint64_t cpu_ns;
    uint64_t wall_ns;
    uint64_t still_ns, still; /* wall time before this sample in which the thread stood still, and looks taken meanwhile */
    uint64_t code[MAX_DEPTH]; /* leaf first, tagged */
    int32_t unit[MAX_DEPTH];
} Sample;

typedef struct {
    Sample *samples;
    _Atomic uint64_t free;  /* counter << 32 | index + 1 */
    _Atomic uint64_t ready; /* times it was taken << 32 | index + 1 */
} Pool;

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a signal handler may use lock-free atomics only");

static void pool_clear(Pool *pool) {
    for (uint32_t i = 0; i < POOL_SAMPLES; i++) {
        atomic_store_explicit(&pool->samples[i].next, i + 1 < POOL_SAMPLES ? i + 2 : 0, memory_order_relaxed);
    }
    atomic_store(&pool->ready, 0);
    atomic_store(&pool->free, 1);
}

/* Maps the memory once; it stays for the process's life, since a late handler may still look at it. */
static int pool_open(Pool *pool) {
    if (pool->samples == NULL) {
        void *memory = mmap(NULL, sizeof(Sample) * POOL_SAMPLES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return -1;
        }
        pool->samples = memory;
        pool_clear(pool);
    }
    return 0;
}

/* A sample to fill in, or NULL where all are waiting to be drained. */
static Sample *pool_take(Pool *pool) {
    uint64_t head = atomic_load_explicit(&pool->free, memory_order_acquire);
    for (int tries = 0; tries < POOL_TRIES; tries++) {
        uint32_t index = (uint32_t)head;
        if (index == 0) {
            return NULL;
        }
        Sample *sample = &pool->samples[index - 1];
        uint64_t next = atomic_load_explicit(&sample->next, memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&pool->free, &head, (((head >> 32) + 1) << 32) | next, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            return sample;
        }
    }
    return NULL;
}

static void pool_give_back(Pool *pool, Sample *sample) {
    uint64_t head = atomic_load_explicit(&pool->free, memory_order_relaxed);
    uint64_t mine = (uint64_t)(sample - pool->samples) + 1;
    do {
        atomic_store_explicit(&sample->next, (uint32_t)head, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&pool->free, &head, (((head >> 32) + 1) << 32) | mine, memory_order_acq_rel,
                                                    memory_order_relaxed));
}

static inline uint32_t pool_times_taken(Pool *pool) {
    return (uint32_t)(atomic_load_explicit(&pool->ready, memory_order_acquire) >> 32);
}

/* Adds to the written samples, or does nothing and returns 0 where these were taken more often than `times`. */
static int pool_publish_if(Pool *pool, Sample *sample, uint32_t times) {
    uint64_t head = atomic_load_explicit(&pool->ready, memory_order_relaxed), mine = (uint64_t)(sample - pool->samples) + 1;
    do {
        if ((uint32_t)(head >> 32) != times) {
            return 0;
        }
        atomic_store_explicit(&sample->next, (uint32_t)head, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&pool->ready, &head, (head >> 32) << 32 | mine, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return 1;
}

static void pool_publish(Pool *pool, Sample *sample) {
    while (!pool_publish_if(pool, sample, pool_times_taken(pool))) {
    }
}

static inline int pool_has_ready(Pool *pool) {
    return (uint32_t)atomic_load_explicit(&pool->ready, memory_order_relaxed) != 0;
}

/* All written samples, oldest first, linked by `next` (index + 1); returns the first one's index + 1. */
static uint32_t pool_take_ready(Pool *pool) {
    uint64_t head = atomic_load_explicit(&pool->ready, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&pool->ready, &head, ((head >> 32) + 1) << 32, memory_order_acq_rel,
                                                  memory_order_relaxed)) {
    }
    uint32_t newest = (uint32_t)head, oldest = 0;
    while (newest != 0) {
        Sample *sample = &pool->samples[newest - 1];
        uint32_t older = atomic_load_explicit(&sample->next, memory_order_relaxed);
        atomic_store_explicit(&sample->next, oldest, memory_order_relaxed);
        oldest = newest;
        newest = older;
    }
    return oldest;
}

#endif
