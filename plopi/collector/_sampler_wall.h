/* Wall time: a thread of ours looks at every Python thread's CPU clock once an interval, or more seldom while the thread goes on as it did
   (_sampler_pace.h), and at the stacks of those that have moved.

   A thread whose CPU clock stands still is where it was: the time goes to the stack it was last seen in. One that has moved and does not
   run now is looked at from outside (_sampler_outside.h) and notices nothing. One that runs is let run: in which of its functions is told by its
   samples of the CPU timer, among which the drain divides the time of such looks. Nobody is sent a signal for wall time: it might have begun to wait
   by the time that the signal arrives, and C's poll() then returns early. The CPU timer's signals do not: the kernel gives them to
   a thread on its way to user mode.
   The ticker is no Python thread: it never waits for the GIL. It blocks all signals but the timer's, which would else go to somebody who waits. */

#ifndef PLOPI_SAMPLER_WALL_H
#define PLOPI_SAMPLER_WALL_H

#include "_sampler_outside.h"
#include "_sampler_pace.h"
#include "_sampler_tables.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#define MAX_WATCHED 8192

static void rouse_for_news(void);
static void meet_newborn(uint64_t told_ns, uint64_t now);

/* Set in threads of plopi's own, which are not sampled. Initial-exec: read by an offset from the thread pointer; the general model may call
   malloc at a thread's first access. */
static __thread int ignored __attribute__((tls_model("initial-exec")));

typedef struct {
    _Atomic int32_t tid; /* 0: this row is free */
    _Atomic int gone;
    enum { NOT_ENDED, ENDED, IN_POT } ended; /* what the drain knows of that; the drain's alone */
    _Atomic uint64_t still_ns, still; /* wall time in which it did not move, for its last stack; and how many looks that were */
    _Atomic uint64_t ran_ns;          /* wall time at whose end it ran, for its CPU samples */
    uint64_t due_ns;                  /* wall time for its next sample, whichever that is; the ticker's alone, as are the next three */
    uint64_t mark_ns;                 /* its CPU clock, while it stands where it was seen last; 0: it has moved */
    uint64_t told_ns;                 /* until when its time is told: to the end of that look's stretch */
    Pace pace;
    _Atomic(PyThreadState *) state;   /* NULL while it has none: there is nothing to see */
    _Atomic uint64_t state_number;    /* which of all that were ever made that is */
    uint32_t pass;                    /* of the drain through the list of threads, which met it last */
    _Atomic(unsigned long) known_as;  /* the kernel's number as the state has it: after a fork, in 3.11, the one from before */
    uint64_t ident;
    uint32_t number;                  /* the thread's, for samples from outside */
    uint32_t node, thread;            /* the last stack in which it stood, and the number that its thread had; the drain's alone, as are the next */
    uint32_t run_node, run_thread;    /* the same of its last CPU sample */
    uint64_t cpu_ns;                  /* of its CPU samples in this drain */
    uint64_t share_ns;                /* wall time for these */
} Watched;

static struct {
    Watched rows[MAX_WATCHED];
    _Atomic uint32_t count; /* rows that were ever used */
    pthread_mutex_t lock;   /* held by the ticker during a tick */
    pthread_cond_t changed;
    pthread_t ticker;
    _Atomic int32_t ticker_tid;
    int running, stop; /* the first the caller's (with the GIL), the second under the lock */
    int signal_number, max_depth;
    Pool *pool;
    PyInterpreterState *interp;
    Copy copy; /* the ticker's alone */
    uint64_t interval_ns;
    uint64_t began_ns;  /* what was before this ticker is nobody's */
    unsigned max_level; /* of a thread's pace */
    _Atomic uint64_t looks, seen; /* turns at which threads were looked at, and samples that were taken so */
    _Atomic uint64_t spared;      /* turns at which none had to be: the looks before and after stand for them */
    _Atomic uint64_t untold_ns;   /* wall time that is in no stack */
    _Atomic uint64_t cost_ns;     /* CPU time of the ticker and of those before it */
    _Atomic uint32_t enrolled, ended; /* count rows that were given to a thread, and whose thread was found gone */
    _Atomic int32_t own_tid;      /* of plopi's helper, which is not looked at */
    Map by_tid;                   /* the drain's alone, as are the next */
    uint32_t found_ended;         /* how many of those `ended` the drain has seen */
    uint64_t pot_ns, claims_ns;   /* wall time in which threads ran that have ended (_sampler_ends.h), and CPU time of the samples that are to share it */
    uint32_t mapped;              /* of those `enrolled`, how many are in by_tid */
    uint32_t pass;
} wall;

/* Its thread is no more. */
static void end_row(Watched *row) {
    atomic_store_explicit(&row->gone, 1, memory_order_release);
    atomic_fetch_add_explicit(&wall.ended, 1, memory_order_release);
}

/* A sample of a thread that does not run, with the time that waits in its row; 0 where it began to run, or its stack was not whole. */
static int sample_from_outside(Watched *row, uint32_t index, const Whom *whom, uint64_t cpu_ns) {
    Sample *sample = pool_take(wall.pool);
    if (sample == NULL) {
        return 0;
    }
    uint32_t times = pool_times_taken(wall.pool);
    int stands = look_from_outside(&wall.copy, whom, cpu_ns, sample, wall.max_depth);
    if (stands && sample->depth > 0) {
        sample->flags |= FROM_WALL;
        sample->thread = row->number;
        sample->tid = whom->tid;
        sample->ident = whom->ident;
        sample->entry = (int32_t)index;
        sample->cpu_ns = 0;
        uint64_t still_ns = sample->still_ns = atomic_exchange_explicit(&row->still_ns, 0, memory_order_relaxed);
        uint64_t still = sample->still = atomic_exchange_explicit(&row->still, 0, memory_order_relaxed);
        sample->wall_ns = row->due_ns;
        if (pool_publish_if(wall.pool, sample, times)) {
            atomic_fetch_add_explicit(&wall.seen, 1, memory_order_relaxed);
            row->due_ns = 0;
            return 1;
        }
        atomic_fetch_add_explicit(&row->still_ns, still_ns, memory_order_relaxed);
        atomic_fetch_add_explicit(&row->still, still, memory_order_relaxed);
    } else if (stands) {
        atomic_fetch_add_explicit(&wall.untold_ns, row->due_ns, memory_order_relaxed); /* it runs no Python code */
        row->due_ns = 0;
    }
    pool_give_back(wall.pool, sample);
    return 0;
}

/* The wall time for which the look at this turn stands: what the last one left untold, and what is to come of its own stretch. */
static uint64_t stretch_at(Watched *row, uint64_t turn, uint64_t now) {
    pace_from(&row->pace, turn);
    uint64_t from_ns = row->told_ns > wall.began_ns ? row->told_ns : wall.began_ns;
    row->told_ns = now + (end_of_stretch(&row->pace) - 1 - turn) * wall.interval_ns;
    return row->told_ns > from_ns ? row->told_ns - from_ns : 0;
}

static void look_at(Watched *row, uint32_t index, PyThreadState *state, uint64_t turn, uint64_t now) {
    Whom whom = {state, wall.interp, row->ident, 0, atomic_load_explicit(&row->tid, memory_order_relaxed)};
    whom.known_as = atomic_load_explicit(&row->known_as, memory_order_relaxed);
    uint64_t wall_ns = stretch_at(row, turn, now);
    clockid_t clock = clock_of_thread(whom.tid);
    uint64_t cpu_ns = read_clock(clock);
    pace_on(&row->pace, cpu_ns, now, wall.max_level);
    if (cpu_ns == 0) {
        end_row(row);
    } else if (cpu_ns == row->mark_ns) {
        atomic_fetch_add_explicit(&row->still_ns, wall_ns, memory_order_relaxed);
        atomic_fetch_add_explicit(&row->still, 1, memory_order_relaxed);
    } else if (read_clock(clock) != cpu_ns) { /* a clock that moves is that of a thread which runs */
        if (has_no_frame(&wall.copy, &whom)) {
            atomic_fetch_add_explicit(&wall.untold_ns, row->due_ns + wall_ns, memory_order_relaxed);
        } else {
            atomic_fetch_add_explicit(&row->ran_ns, row->due_ns + wall_ns, memory_order_relaxed);
        }
        row->due_ns = row->mark_ns = 0;
    } else {
        row->due_ns += wall_ns;
        row->mark_ns = sample_from_outside(row, index, &whom, cpu_ns) ? cpu_ns : 0;
    }
}

/* Look at those whose turn it is; returns the next turn at which it is anybody's. */
static uint64_t look_round(uint64_t turn, uint64_t now) {
    uint64_t next = turn + (UINT64_C(1) << wall.max_level);
    uint32_t count = atomic_load(&wall.count);
    for (uint32_t i = 0; i < count; i++) {
        Watched *row = &wall.rows[i];
        int32_t tid = atomic_load_explicit(&row->tid, memory_order_acquire);
        if (tid == 0 || atomic_load_explicit(&row->gone, memory_order_relaxed)) {
            continue;
        }
        if (tid == atomic_load_explicit(&wall.own_tid, memory_order_relaxed)) { /* met before it told */
            end_row(row);
            continue;
        }
        PyThreadState *state = atomic_load_explicit(&row->state, memory_order_relaxed);
        if (state == NULL) { /* there is nothing to see: what passes meanwhile is nobody's */
            row->told_ns = now;
            continue;
        }
        if (row->pace.next <= turn) {
            look_at(row, i, state, turn, now);
        }
        next = row->pace.next < next ? row->pace.next : next;
    }
    return next;
}

static struct timespec timespec_of(uint64_t ns) {
    return (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
}

static void *tick(void *unused) {
    (void)unused;
    ignored = 1;
    sigset_t ticks;
    sigemptyset(&ticks);
    sigaddset(&ticks, wall.signal_number);
    pthread_sigmask(SIG_UNBLOCK, &ticks, NULL);
    pthread_setname_np(pthread_self(), "plopi-ticker");
    atomic_store(&wall.ticker_tid, (int32_t)syscall(SYS_gettid));
    uint64_t former_cost_ns = atomic_load(&wall.cost_ns);
    pthread_mutex_lock(&wall.lock);
    uint64_t now = wall.began_ns = read_clock(CLOCK_MONOTONIC);
    uint64_t turn = now / wall.interval_ns, next = turn + 1; /* any number would do, but lots are drawn by it */
    while (!wall.stop) {
        struct timespec until = timespec_of(read_clock(CLOCK_MONOTONIC) + (next - turn) * wall.interval_ns);
        while (!wall.stop && pthread_cond_timedwait(&wall.changed, &wall.lock, &until) == 0) {
        }
        if (wall.stop) {
            break;
        }
        atomic_fetch_add_explicit(&wall.spared, next - turn - 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&wall.looks, 1, memory_order_relaxed);
        turn = next;
        uint64_t former = now;
        now = read_clock(CLOCK_MONOTONIC);
        meet_newborn(former, now);
        next = look_round(turn, now);
        rouse_for_news();
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

static int ticker_start(uint64_t interval_ns, uint64_t longest_ns, int signal_number, Pool *pool, PyInterpreterState *interp, int max_depth) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&wall.lock, NULL);
    pthread_cond_init(&wall.changed, &attributes);
    pthread_condattr_destroy(&attributes);
    wall.interval_ns = interval_ns;
    for (wall.max_level = 0; interval_ns << (wall.max_level + 1) <= longest_ns; wall.max_level++) {
    }
    wall.signal_number = signal_number;
    wall.cost_ns = wall.looks = wall.seen = wall.spared = 0;
    wall.pool = pool;
    wall.interp = interp;
    wall.max_depth = max_depth;
    wall.copy.pid = getpid();
    return ticker_resume();
}

/* Until ticker_resume() there is no thread of ours then: os.fork looks for some. */
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

/* Wall time of a thread that no sample carries, for a stack in which one saw it. */
static void file_wall_time(Tables *tables, const Watched *row, uint32_t node, uint32_t number, uint64_t looks, uint64_t wall_ns) {
    if ((wall_ns || looks) && node != NO_ROW) {
        Sample stand_in = {.thread = number, .ident = row->ident, .tid = row->tid};
        uint32_t thread = thread_row(tables, &stand_in);
        if (thread == NO_ROW || add_weights(tables, (Leaf){node, 0}, thread, looks, 0, wall_ns) < 0) {
            tables->dropped++;
        }
    }
}

static Watched *watched(int32_t tid) {
    uint32_t index = map_get(&wall.by_tid, (uint64_t)tid);
    return index != NO_ROW ? &wall.rows[index] : NULL;
}

/* A sample from outside. */
static void file_standing(Tables *tables, const Sample *sample) {
    Watched *row = &wall.rows[sample->entry];
    file_wall_time(tables, row, row->node, row->thread, sample->still, sample->still_ns);
    uint32_t node = stack_of(tables, sample);
    if (node != NO_ROW) {
        row->node = bounded(tables, node);
        row->thread = sample->thread;
        file_wall_time(tables, row, row->node, row->thread, 1, sample->wall_ns);
    }
}

/* Give a thread's still time to the last stack it stood in. To be called when no sample of it is waiting. */
static void settle_row(Tables *tables, Watched *row) {
    uint64_t still_ns = atomic_exchange(&row->still_ns, 0), looks = atomic_exchange(&row->still, 0);
    file_wall_time(tables, row, row->node, row->thread, looks, still_ns);
}

/* What waits for a sample goes to the last there was, when there will be no more looks. */
static void settle_last(Tables *tables, Watched *row) {
    uint64_t left_ns = atomic_exchange(&row->ran_ns, 0) + row->share_ns + row->due_ns;
    row->share_ns = row->due_ns = 0;
    int ran = row->run_node != NO_ROW;
    if (ran || row->node != NO_ROW) {
        file_wall_time(tables, row, ran ? row->run_node : row->node, ran ? row->run_thread : row->thread, left_ns != 0, left_ns);
    } else {
        wall.untold_ns += left_ns;
    }
}

static void clear_rows(void) {
    memset(wall.rows, 0, atomic_load(&wall.count) * sizeof *wall.rows);
    atomic_store(&wall.count, 0);
}

static void wall_forget(void) {
    map_free(&wall.by_tid);
    wall.pot_ns = wall.untold_ns = 0;
    clear_rows();
}

/* Rows that the ticker has given to threads since the last time. */
static void map_rows(void) {
    uint32_t enrolled = atomic_load_explicit(&wall.enrolled, memory_order_acquire);
    for (uint32_t i = 0; enrolled != wall.mapped && i < atomic_load(&wall.count); i++) {
        int32_t tid = atomic_load_explicit(&wall.rows[i].tid, memory_order_acquire);
        if (tid != 0 && map_get(&wall.by_tid, (uint64_t)tid) != i) {
            map_put(&wall.by_tid, (uint64_t)tid, i);
        }
    }
    wall.mapped = enrolled;
}

#endif
