/* What a session of sampling is made of: its settings and counters, the pool that the handler fills, the tables that the drain fills.
   One at a time; the handler finds them without being told. */

#ifndef PLOPI_SAMPLER_SESSION_H
#define PLOPI_SAMPLER_SESSION_H

#include "_sampler_wall.h"

enum { CPU_CLOCK = 1, WALL_CLOCK = 2 };
enum { OFF, ON };

#define MAX_BASES 4096

typedef struct {
    int32_t tid;
    uint64_t cpu_ns;
} Base; /* a thread's CPU clock when sampling began */

static struct {
    _Atomic int state;
    _Atomic int inside; /* handlers that are running */
    _Atomic uint32_t threads;
    uint32_t number; /* counts sessions; changes only while no handler runs */
    int clocks, max_depth, main_only;
    uint64_t interval_ns;
    int32_t pid;
    PyInterpreterState *interp;
    Base bases[MAX_BASES];
    unsigned base_count;
    struct sigaction former;
    /* counters, reset at start */
    _Atomic uint64_t ticks, lost, torn, foreign, ignored, frameless, timed, timed_ns;
    _Atomic uint64_t foreign_ns; /* CPU time of threads that Python does not know */
} session;

static Pool pool;
static Tables tables;
static int tables_live;
static uint64_t began_cpu_ns; /* the process's CPU clock at start */

#define COUNT(counter) atomic_fetch_add_explicit(&session.counter, 1, memory_order_relaxed)
#define READ(counter) atomic_load_explicit(&session.counter, memory_order_relaxed)

#endif
