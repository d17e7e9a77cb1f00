/* Threads that are new: met by the ticker at its next turn, from outside as all it sees (_sampler_outside.h), without the GIL.

   So a thread that lives for less than an interval is met as likely as it lives long, and then stands for the interval: threads of any life
   get their time on average. Were they met by the drain, which needs the GIL and so comes more seldom, those that end before it would get
   none. A thread's time begins at the turn before, as that of all who are looked at.

   CPython numbers its thread states, and a new one is first in the list (Python/pystate.c, new_threadstate, from 3.11 to 3.15): those
   with a number above the last known are new, and stand in falling order. The list may change while it is read: what was read of a state that is
   gone has no number that fits, or that of a thread whose clock is gone, too. */

#ifndef PLOPI_SAMPLER_BIRTHS_H
#define PLOPI_SAMPLER_BIRTHS_H

#include "_sampler_session.h"

#define PATIENCE_NS UINT64_C(1000000000)

static struct {
    uint64_t known;            /* states with this number or a lower one have been met */
    uint64_t missing;          /* the lowest above it that is not in the list, or whose thread has not begun */
    uint64_t missing_since_ns;
    const PyThreadState *starter; /* who called start(): its state may hold the number of its thread from before a fork (3.11) */
    int32_t starter_tid;
} births;

/* The number of the last thread state that was made. */
static uint64_t threads_made(PyInterpreterState *interp) {
    return __atomic_load_n(&interp->threads.next_unique_id, __ATOMIC_ACQUIRE);
}

static void begin_births(void) {
    births.known = births.missing = 0;
    atomic_store(&wall.own_tid, 0);
    births.starter = running_thread_state();
    births.starter_tid = (int32_t)syscall(SYS_gettid);
}

/* The row of a thread that is being looked at, else a free one, else NULL. */
static Watched *row_for(int32_t tid, uint64_t ident) {
    Watched *free_row = NULL;
    uint32_t count = atomic_load(&wall.count);
    for (uint32_t i = 0; i < count; i++) {
        Watched *row = &wall.rows[i];
        int32_t whose = atomic_load_explicit(&row->tid, memory_order_acquire);
        if (whose == tid && !atomic_load_explicit(&row->gone, memory_order_relaxed)) {
            if (row->ident == ident) {
                return row;
            }
            end_row(row); /* the kernel gave its number to another thread */
        } else if (whose == 0 && free_row == NULL) {
            free_row = row;
        }
    }
    if (free_row == NULL && count < MAX_WATCHED) {
        free_row = &wall.rows[count];
        atomic_store(&wall.count, count + 1);
    }
    return free_row;
}

/* Watch a thread from now on; 0 where it has not begun, or there are too many. */
static int enrol(const PyThreadState *state, PyThreadState *address, uint64_t told_ns) {
    if (!has_begun(state)) {
        return 0;
    }
    int32_t tid = address == births.starter ? births.starter_tid : (int32_t)state->native_thread_id;
    if (tid == atomic_load_explicit(&wall.own_tid, memory_order_relaxed) || (session.main_only && tid != session.pid)) {
        return 1;
    }
    Watched *row = row_for(tid, state->thread_id);
    if (row == NULL) {
        return 0;
    }
    int is_new = atomic_load_explicit(&row->tid, memory_order_relaxed) == 0;
    if (is_new) { /* what of it the drain reads it reads only once there is a tid */
        row->gone = row->ended = 0;
        row->still_ns = row->still = row->ran_ns = 0;
        row->due_ns = row->mark_ns = row->cpu_ns = row->share_ns = 0;
        row->told_ns = told_ns;
        row->pace = (Pace){0};
        row->ident = state->thread_id;
        row->number = row->thread = atomic_fetch_add_explicit(&session.threads, 1, memory_order_relaxed);
        row->node = row->run_node = NO_ROW;
    }
    atomic_store_explicit(&row->known_as, state->native_thread_id, memory_order_relaxed);
    atomic_store_explicit(&row->state_number, state->id, memory_order_relaxed);
    atomic_store_explicit(&row->state, address, memory_order_relaxed);
    if (is_new) {
        atomic_store_explicit(&row->tid, tid, memory_order_release);
        atomic_fetch_add_explicit(&wall.enrolled, 1, memory_order_release);
    }
    return 1;
}

static void meet_newborn(uint64_t told_ns, uint64_t now) {
    uint64_t made = threads_made(wall.interp), above = UINT64_MAX, missing = 0;
    if (made == births.known) {
        return;
    }
    PyThreadState state;
    PyThreadState *at = __atomic_load_n(&wall.interp->threads.head, __ATOMIC_ACQUIRE);
    for (; at != NULL; at = state.next) {
        if (!copy_memory(&wall.copy, &state, (uintptr_t)at, sizeof state) || state.interp != wall.interp || state.id >= above) {
            return; /* the list has changed meanwhile: at the next turn, then */
        }
        if (above == UINT64_MAX && state.id < made) {
            missing = state.id + 1; /* numbered, but not in the list yet; or no more, which nothing tells */
        }
        if (state.id <= births.known) {
            break;
        }
        above = state.id;
        if (!enrol(&state, at, told_ns)) {
            missing = state.id;
        }
    }
    if (missing != births.missing) {
        births.missing = missing;
        births.missing_since_ns = now;
    }
    births.known = missing != 0 && now - births.missing_since_ns < PATIENCE_NS ? missing - 1 : made;
}

#endif
