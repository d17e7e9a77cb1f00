/* Where plopi's helper thread rests until there is something to do: without the GIL, which it would take from somebody who runs only to find
   that nothing has happened. */

#ifndef PLOPI_SAMPLER_REST_H
#define PLOPI_SAMPLER_REST_H

#include "_sampler_session.h"

#include <linux/futex.h>

static _Atomic uint32_t roused;

/* What the last drain knew: threads that CPython has made, threads with a number of ours, samples taken. */
static struct {
    _Atomic uint64_t made, numbered, taken;
} known;

/* Counts what becomes a thread state, from 3.11 to 3.15 (Python/pystate.c, new_threadstate): when it has moved, there are new threads. */
static uint64_t threads_made(PyInterpreterState *interp) {
    return __atomic_load_n(&interp->threads.next_unique_id, __ATOMIC_RELAXED);
}

/* Return after so long, at once when roused, or with errno EINTR when interrupted. */
static void doze(uint64_t ns) {
    struct timespec span = timespec_of(ns);
    syscall(SYS_futex, &roused, FUTEX_WAIT_PRIVATE, 0, &span, NULL, 0);
}

static void rouse(void) {
    atomic_store(&roused, 1);
    syscall(SYS_futex, &roused, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Of what there was at a drain; by wall time all threads are looked at, by CPU time those that have been sampled. */
static void note_known(void) {
    known.made = session.clocks & WALL_CLOCK ? threads_made(session.interp) : 0;
    known.numbered = atomic_load(&session.threads);
    known.taken = READ(ticks) + atomic_load(&wall.seen);
}

/* Whether the next drain should not wait: a thread is there that may end before it is known by name, or the pool fills. Without the GIL. */
static int is_news(void) {
    return atomic_load(&session.state) == ON &&
           ((session.clocks & WALL_CLOCK && threads_made(session.interp) != known.made) || atomic_load(&session.threads) != known.numbered ||
            READ(ticks) + atomic_load(&wall.seen) - known.taken >= POOL_SAMPLES / 8);
}

PyDoc_STRVAR(is_news_doc, "is_news()\n--\n\nWhether there are threads that take() has not told of yet, or many samples.");

static PyObject *sampler_is_news(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(is_news());
}

PyDoc_STRVAR(rest_doc, "rest(ns, look_ns)\n--\n\nWait without the GIL: so long, until is_news(), which is looked at every look_ns, or until rouse().");

static PyObject *sampler_rest(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long ns, look_ns;
    if (!PyArg_ParseTuple(args, "KK", &ns, &look_ns)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    uint64_t now = read_clock(CLOCK_MONOTONIC), end = now + ns;
    while (now < end && !atomic_load(&roused)) {
        uint64_t look = now + look_ns < end ? now + look_ns : end;
        for (; now < look && !atomic_load(&roused); now = read_clock(CLOCK_MONOTONIC)) {
            doze(look - now);
        }
        end = is_news() ? now : end;
    }
    atomic_store(&roused, 0);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(rouse_doc, "rouse()\n--\n\nEnd a rest(), or the next one if there is none.");

static PyObject *sampler_rouse(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    rouse();
    Py_RETURN_NONE;
}

#endif
