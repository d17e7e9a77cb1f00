/* Another thread's stack, read while that thread does not run: without the GIL, without a signal, so that it notices nothing.

   A thread that does not run is at some instruction, as one is that a signal has interrupted: the same walk with the same checks tells
   its stack. That it did not run is told by its CPU clock, which must be the same before and after. All memory is copied by the kernel
   (process_vm_readv on the process itself), which fails where it is gone: should the thread begin to run meanwhile, what was read may be
   anything, but reading it is no fault, and the clock tells.
   Code objects: a stack that stands still owns its own. Should the thread go on after its clock was read for the second time, one may die
   before the sample is published; but whenever one dies the written samples are taken, and then this one is not published any more. */

#ifndef PLOPI_SAMPLER_OUTSIDE_H
#define PLOPI_SAMPLER_OUTSIDE_H

#include "_sampler_walk.h"

#include <time.h>

static inline uint64_t read_clock(clockid_t clock) {
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec : 0;
}

/* The CPU clock of any thread of this process by its number in the kernel: what pthread_getcpuclockid makes of a pthread_t, without
   the pthread_t, which may not be used once its thread has ended. */
static inline clockid_t clock_of_thread(int32_t tid) {
    return (clockid_t)((~(unsigned)tid << 3) | 6u);
}

/* A thread as the list of threads has it. */
typedef struct {
    PyThreadState *state;
    PyInterpreterState *interp;
    uint64_t ident;
    unsigned long known_as; /* the state's own number of the thread in the kernel */
    int32_t tid;
} Whom;

/* Whether the kernel copies memory of this process, and refuses what is not there. */
static int can_copy(const Copy *copy) {
    uint64_t known = UINT64_C(0x706c6f7069), found = 0;
    return copy_memory(copy, &found, (uintptr_t)&known, sizeof known) && found == known && !copy_memory(copy, &found, 8, sizeof found);
}

#ifdef HAS_CFRAME
static int walk_copy(View *view, const PyThreadState *state, const PyThreadState *address, Sample *sample, int max_depth) {
    uintptr_t root = (uintptr_t)address + offsetof(PyThreadState, root_cframe), at = (uintptr_t)state->cframe;
    if (at == root) {
        return walk_chain(view, state->root_cframe.current_frame, NULL, sample, max_depth);
    }
    _PyCFrame newest, below = state->root_cframe;
    if (!copy_memory(view->copy, &newest, at, sizeof newest)) {
        return TORN;
    }
    if ((uintptr_t)newest.previous != root && !copy_memory(view->copy, &below, (uintptr_t)newest.previous, sizeof below)) {
        return TORN;
    }
    const Frame *outer = below.current_frame;
    return walk_chain(view, newest.current_frame, &outer, sample, max_depth);
}
#else
/* 3.15: the thread state's own frame, at the root; a thread that is in none besides is in no function. */
static int frame_is_base(const Copy *copy, const Frame *at) {
    Frame frame;
    return copy_memory(copy, &frame, (uintptr_t)at, FRAME_HEAD) && frame_is_shell(&frame) && frame.previous == NULL;
}

static int walk_copy(View *view, const PyThreadState *state, const PyThreadState *address, Sample *sample, int max_depth) {
    (void)address;
    return walk_chain(view, state->current_frame, NULL, sample, max_depth);
}
#endif

/* Copies a thread's state; the memory may be another's by now. */
static int copy_state(const Copy *copy, const Whom *whom, PyThreadState *state) {
    return copy_memory(copy, state, (uintptr_t)whom->state, sizeof *state) && state->interp == whom->interp && state->thread_id == whom->ident &&
           state->native_thread_id == whom->known_as;
}

/* Whether a thread that may be running is in no Python function: in one of C's alone. */
static int has_no_frame(const Copy *copy, const Whom *whom) {
    PyThreadState state;
    if (!copy_state(copy, whom, &state)) {
        return 0;
    }
#ifdef HAS_CFRAME
    return (uintptr_t)state.cframe == (uintptr_t)whom->state + offsetof(PyThreadState, root_cframe) && state.root_cframe.current_frame == NULL;
#else
    return state.current_frame == NULL || frame_is_base(copy, state.current_frame);
#endif
}

/* Fills in a sample's stack; whether the thread whose clock showed `cpu_ns` has not run since, and its stack is whole. Depth 0: it has none. */
static int look_from_outside(Copy *copy, const Whom *whom, uint64_t cpu_ns, Sample *sample, int max_depth) {
    PyThreadState state;
    sample->flags = sample->depth = 0;
    atomic_thread_fence(memory_order_acquire); /* after the clock, which the kernel wrote after the thread's own writes */
    int depth = TORN;
    if (copy_state(copy, whom, &state)) {
        View view;
        view_open(&view, &state, copy);
        depth = walk_copy(&view, &state, whom->state, sample, max_depth);
        if (collecting_garbage(whom->interp) && state_is_running(&state, whom->state)) {
            sample->flags |= IN_GC;
        }
    }
    atomic_thread_fence(memory_order_acquire); /* the clock again, after all that was copied: processors read ahead */
    return depth != TORN && read_clock(clock_of_thread(whom->tid)) == cpu_ns;
}

#endif
