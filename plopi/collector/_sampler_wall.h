/* Wall time: a thread of ours looks at every Python thread's CPU clock once an interval, and at the stacks of those that have moved.

   A thread whose CPU clock stands still is where it was: the time goes to the stack it was last seen in. One that has moved and does not
   run now is looked at from outside (_sampler_outside.h) and notices nothing. One that runs gets a signal, and samples itself in the handler.
   Where threads cannot be looked at from outside (a sandbox may forbid process_vm_readv) all that have moved get a signal. Being
   sampled by a signal moves the clock too, by less than RESIDUE_NS: after such a sample so little may be that, or a thread that went on to
   its next wait; so it is woken once more to tell, and from then on any movement counts.
   The ticker is no Python thread: it never waits for the GIL, and it blocks all signals. */

#ifndef PLOPI_SAMPLER_WALL_H
#define PLOPI_SAMPLER_WALL_H

#include "_sampler_outside.h"
#include "_sampler_tables.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MAX_WATCHED 8192
#define RESIDUE_NS 50000 /* CPU time that returning from our handler, and going back to sleep, stays below */

typedef struct {
    _Atomic int32_t tid; /* 0: this row is free */
    _Atomic int gone;
    _Atomic uint64_t seen_cpu_ns;       /* its CPU clock when it last sampled itself */
    _Atomic uint64_t due_ns;            /* wall time in which it moved, for its next sample */
    _Atomic uint64_t still_ns, still;   /* wall time in which it did not, for its last stack; and how many looks that were */
    int phase;                          /* the ticker's alone, as is the next */
    uint64_t mark_ns;                   /* WOKEN, ASKED: seen_cpu_ns when the signal was sent; STILL: the clock that counts as unmoved */
    _Atomic(PyThreadState *) state;     /* NULL while it has none: there is nothing to see */
    uint32_t pass;                      /* of the drain through the list of threads, which met it last */
    uint64_t ident;
    uint32_t number;                    /* the thread's, for samples from outside */
    uint32_t node, thread;              /* the last stack, and the number that its thread had; the drain's alone */
} Watched;

enum { WOKEN, ASKED, STILL }; /* signalled since it moved; signalled once more since it hardly moved; found unmoved */

static struct {
    Watched rows[MAX_WATCHED];
    _Atomic uint32_t count; /* rows that were ever used */
    pthread_mutex_t lock;   /* held by the ticker during a tick */
    pthread_cond_t changed;
    pthread_t ticker;
    _Atomic int32_t ticker_tid;
    int running, stop; /* the first the caller's (with the GIL), the second under the lock */
    int signal_number, max_depth;
    int sees; /* threads can be looked at from outside */
    Pool *pool;
    PyInterpreterState *interp;
    Copy copy; /* the ticker's alone */
    uint64_t interval_ns;
    _Atomic uint64_t seen, torn; /* samples taken from outside, and stacks that were not whole */
    _Atomic uint64_t cost_ns; /* CPU time of the ticker and of those before it */
    Map by_tid;       /* the drain's alone, as are the next two */
    uint32_t pass;
    uint64_t listed_ns; /* when threads were listed last */
} wall;

/* Signal one thread; the handler learns from the value which row is meant. */
static void wake_thread(int32_t tid, uint32_t row, int signal_number) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = signal_number;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_int = (int)row;
    syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, signal_number, &info);
}

/* Which phase a thread is in by its clock now. */
static int next_phase(const Watched *row, uint64_t cpu_ns) {
    if (row->phase == STILL) {
        return cpu_ns == row->mark_ns ? STILL : WOKEN;
    }
    uint64_t seen_ns = atomic_load_explicit(&row->seen_cpu_ns, memory_order_relaxed);
    if (seen_ns == row->mark_ns) { /* it has not come to its handler yet */
        return row->phase;
    }
    if (cpu_ns < seen_ns || cpu_ns >= seen_ns + RESIDUE_NS) {
        return WOKEN;
    }
    return row->phase == WOKEN ? ASKED : STILL;
}

enum { TAKEN, LATER, MUST_BE_WOKEN, CANNOT_BE_SEEN };

/* Take a sample of a thread that does not run, with the time that waits in its row. */
static int sample_from_outside(Watched *row, uint32_t index, const Whom *whom, uint64_t cpu_ns) {
    Sample *sample = wall.sees ? pool_take(wall.pool) : NULL;
    if (sample == NULL) {
        return CANNOT_BE_SEEN;
    }
    uint32_t times = pool_times_taken(wall.pool);
    int found = look_from_outside(&wall.copy, whom, cpu_ns, sample, wall.max_depth);
    if (found == STANDS && sample->depth > 0) {
        sample->flags |= FROM_WALL;
        sample->thread = row->number;
        sample->tid = whom->tid;
        sample->ident = whom->ident;
        sample->entry = (int32_t)index;
        sample->cpu_ns = 0;
        uint64_t still_ns = sample->still_ns = atomic_exchange_explicit(&row->still_ns, 0, memory_order_relaxed);
        uint64_t still = sample->still = atomic_exchange_explicit(&row->still, 0, memory_order_relaxed);
        uint64_t due_ns = sample->wall_ns = atomic_exchange_explicit(&row->due_ns, 0, memory_order_relaxed);
        if (pool_publish_if(wall.pool, sample, times)) {
            atomic_fetch_add_explicit(&wall.seen, 1, memory_order_relaxed);
            return TAKEN;
        }
        atomic_fetch_add_explicit(&row->still_ns, still_ns, memory_order_relaxed);
        atomic_fetch_add_explicit(&row->still, still, memory_order_relaxed);
        atomic_fetch_add_explicit(&row->due_ns, due_ns, memory_order_relaxed);
        found = LATER;
    } else if (found == STANDS) {
        atomic_store_explicit(&row->due_ns, 0, memory_order_relaxed); /* it runs no Python code: its time is nobody's */
        found = LATER;
    } else {
        found = found == RUNS ? MUST_BE_WOKEN : CANNOT_BE_SEEN;
    }
    pool_give_back(wall.pool, sample);
    return found;
}

static void stand_still(Watched *row, uint64_t cpu_ns, uint64_t elapsed_ns) {
    row->phase = STILL;
    row->mark_ns = cpu_ns;
    atomic_fetch_add_explicit(&row->still_ns, elapsed_ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&row->still, 1, memory_order_relaxed);
}

static void look_at(Watched *row, uint32_t index, uint64_t elapsed_ns, int signal_number) {
    Whom whom = {NULL, wall.interp, 0, atomic_load_explicit(&row->tid, memory_order_acquire)};
    whom.state = atomic_load_explicit(&row->state, memory_order_relaxed);
    if (whom.tid == 0 || whom.state == NULL || atomic_load_explicit(&row->gone, memory_order_relaxed)) {
        return;
    }
    whom.ident = row->ident;
    uint64_t cpu_ns = read_clock(clock_of_thread(whom.tid));
    if (cpu_ns == 0) {
        atomic_store_explicit(&row->gone, 1, memory_order_release);
        return;
    }
    if (row->phase == STILL && cpu_ns == row->mark_ns) {
        stand_still(row, cpu_ns, elapsed_ns);
        return;
    }
    atomic_fetch_add_explicit(&row->due_ns, elapsed_ns, memory_order_relaxed);
    int phase = WOKEN;
    switch (sample_from_outside(row, index, &whom, cpu_ns)) {
    case TAKEN:
        row->phase = STILL;
        row->mark_ns = cpu_ns;
        return;
    case LATER:
        row->phase = WOKEN;
        return;
    case CANNOT_BE_SEEN:
        phase = next_phase(row, cpu_ns);
    }
    if (phase == STILL) {
        atomic_fetch_sub_explicit(&row->due_ns, elapsed_ns, memory_order_relaxed);
        stand_still(row, cpu_ns, elapsed_ns);
    } else {
        row->phase = phase;
        row->mark_ns = atomic_load_explicit(&row->seen_cpu_ns, memory_order_relaxed);
        wake_thread(whom.tid, index, signal_number);
    }
}

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

static void *tick(void *unused) {
    (void)unused;
    pthread_setname_np(pthread_self(), "plopi-ticker");
    atomic_store(&wall.ticker_tid, (int32_t)syscall(SYS_gettid));
    uint64_t former_cost_ns = atomic_load(&wall.cost_ns);
    uint64_t last = read_clock(CLOCK_MONOTONIC), next = last;
    pthread_mutex_lock(&wall.lock);
    while (!wall.stop) {
        uint64_t now = read_clock(CLOCK_MONOTONIC);
        next = next + wall.interval_ns > now ? next + wall.interval_ns : now + wall.interval_ns;
        struct timespec until = timespec_of(next);
        while (!wall.stop && pthread_cond_timedwait(&wall.changed, &wall.lock, &until) == 0) {
        }
        now = read_clock(CLOCK_MONOTONIC);
        uint32_t count = wall.stop ? 0 : atomic_load(&wall.count);
        for (uint32_t i = 0; i < count; i++) {
            look_at(&wall.rows[i], i, now - last, wall.signal_number);
        }
        last = now;
        atomic_store_explicit(&wall.cost_ns, former_cost_ns + read_clock(CLOCK_THREAD_CPUTIME_ID), memory_order_relaxed);
    }
    pthread_mutex_unlock(&wall.lock);
    return NULL;
}

static int ticker_resume(void) {
    if (wall.running) {
        return 0;
    }
    wall.stop = 0;
    atomic_store(&wall.ticker_tid, 0);
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    int error = pthread_create(&wall.ticker, &small, tick, NULL);
    pthread_attr_destroy(&small);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    wall.running = error == 0;
    return error;
}

static int ticker_start(uint64_t interval_ns, int signal_number, Pool *pool, PyInterpreterState *interp, int max_depth) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&wall.lock, NULL);
    pthread_cond_init(&wall.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    wall.interval_ns = interval_ns;
    wall.signal_number = signal_number;
    wall.cost_ns = wall.seen = wall.torn = 0;
    wall.pool = pool;
    wall.interp = interp;
    wall.max_depth = max_depth;
    wall.sees = can_copy(&wall.copy);
    return ticker_resume();
}

/* Once this returns no thread is signalled, and until ticker_resume() there is no thread of ours: os.fork looks for some. */
static void ticker_stop(void) {
    if (!wall.running) {
        return;
    }
    pthread_mutex_lock(&wall.lock);
    wall.stop = 1;
    pthread_cond_signal(&wall.changed);
    pthread_mutex_unlock(&wall.lock);
    pthread_join(wall.ticker, NULL);
    wall.running = 0;
    /* to the kernel it is there for a moment more */
    struct timespec moment = {0, 50000};
    for (int turn = 0; turn < 100 && syscall(SYS_tgkill, getpid(), wall.ticker_tid, 0) == 0; turn++) {
        nanosleep(&moment, NULL);
    }
}

/* -- the drain's side, with the GIL ------------------------------------------------------------------------------------- */

static void file_still_time(Tables *tables, Watched *row, uint64_t still_ns, uint64_t looks) {
    if ((still_ns || looks) && row->node != NO_ROW) {
        Sample stand_in = {.thread = row->thread, .ident = row->ident, .tid = row->tid};
        uint32_t thread = thread_row(tables, &stand_in);
        if (thread == NO_ROW || add_weights(tables, (Leaf){row->node, 0}, thread, looks, 0, still_ns) < 0) {
            tables->dropped++;
        }
    }
}

/* Give a thread's still time to its last stack. To be called when no sample of it is waiting. */
static void settle_row(Tables *tables, Watched *row) {
    uint64_t still_ns = atomic_exchange(&row->still_ns, 0), looks = atomic_exchange(&row->still, 0);
    file_still_time(tables, row, still_ns, looks);
}

static void wall_forget(void) {
    map_free(&wall.by_tid);
    atomic_store(&wall.count, 0);
    wall.listed_ns = 0;
    memset(wall.rows, 0, sizeof wall.rows);
}

/* The stack in which the thread was found also gets `unseen_ns`, for the time since its birth. */
static void watch_thread(PyThreadState *state, int32_t tid, uint32_t number, uint32_t node, uint64_t unseen_ns) {
    uint32_t count = atomic_load(&wall.count), index = 0;
    while (index < count && wall.rows[index].tid != 0) {
        index++;
    }
    if (index == MAX_WATCHED || map_put(&wall.by_tid, (uint64_t)tid, index) < 0) {
        return;
    }
    Watched *row = &wall.rows[index];
    row->gone = 0;
    row->seen_cpu_ns = 0;
    row->due_ns = node == NO_ROW ? unseen_ns : 0;
    row->still_ns = node == NO_ROW ? 0 : unseen_ns;
    row->still = unseen_ns && node != NO_ROW ? unseen_ns / wall.interval_ns : 0;
    row->state = state;
    row->pass = wall.pass;
    row->ident = state->thread_id;
    row->number = row->thread = number;
    row->node = node;
    /* where its stack is known it counts as still until it moves; else it is to be woken */
    row->phase = node == NO_ROW ? WOKEN : STILL;
    row->mark_ns = node == NO_ROW ? 0 : read_clock(clock_of_thread(tid));
    atomic_store_explicit(&row->tid, tid, memory_order_release);
    if (index == count) {
        atomic_store(&wall.count, count + 1);
    }
}

#endif
