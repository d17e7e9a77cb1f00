/* Where plopi's helper thread rests until there is something to do: without the GIL, which it would take from somebody who runs only to find
   that nothing has happened. */

#ifndef PLOPI_SAMPLER_REST_H
#define PLOPI_SAMPLER_REST_H

#include "_sampler_births.h"

#include <linux/futex.h>

enum { NEWS = 1, AT_ONCE = 2 };

static _Atomic uint32_t roused;

/* What the last drain knew: threads that CPython has made, threads with a number of ours, samples taken. */
static struct {
    _Atomic uint64_t made, numbered, taken;
} known;

static uint64_t samples_taken(void) {
    return READ(ticks) + atomic_load_explicit(&wall.seen, memory_order_relaxed);
}

/* Of what there was at a drain; by wall time all threads are looked at, by CPU time those that have been sampled. */
static void note_known(void) {
    known.made = session.clocks & WALL_CLOCK ? threads_made(session.interp) : 0;
    known.numbered = atomic_load(&session.threads);
    known.taken = samples_taken();
}

/* Whether the next drain should not wait: a thread is there that may end before it is known by name, or the pool fills. Without the GIL. */
static int is_news(void) {
    return atomic_load(&session.state) == ON &&
           ((session.clocks & WALL_CLOCK && threads_made(session.interp) != known.made) || atomic_load(&session.threads) != known.numbered ||
            samples_taken() - known.taken >= POOL_SAMPLES / 8);
}

/* By the ticker, which is awake anyway. */
static void rouse_for_news(void) {
    uint32_t none = 0;
    if (is_news() && atomic_compare_exchange_strong(&roused, &none, NEWS)) {
        syscall(SYS_futex, &roused, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

PyDoc_STRVAR(is_news_doc, "is_news()\n--\n\nWhether there are threads that take() has not told of yet, or many samples.");

static PyObject *sampler_is_news(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    return PyBool_FromLong(is_news());
}

PyDoc_STRVAR(rest_doc, "rest(ns, look_ns)\n--\n\n"
                       "Wait without the GIL: so long, until is_news(), which is looked at every look_ns, where there is a ticker only when it says so, or until\n"
                       "rouse().");

static PyObject *sampler_rest(PyObject *module, PyObject *args) {
    (void)module;
    unsigned long long ns, look_ns;
    if (!PyArg_ParseTuple(args, "KK", &ns, &look_ns)) {
        return NULL;
    }
    int ticker_looks = wall.running;
    Py_BEGIN_ALLOW_THREADS;
    uint64_t began = read_clock(CLOCK_MONOTONIC), rested = 0, look = look_ns;
    for (uint32_t why; rested < ns && (why = atomic_load(&roused)) != AT_ONCE; rested = read_clock(CLOCK_MONOTONIC) - began) {
        int looks = why == NEWS || !ticker_looks;
        if (looks && rested >= look) {
            atomic_compare_exchange_strong(&roused, &why, 0);
            if (is_news()) { /* else it has been drained meanwhile */
                break;
            }
            look = rested + look_ns;
            continue;
        }
        struct timespec span = timespec_of((looks && look < ns ? look : ns) - rested);
        syscall(SYS_futex, &roused, FUTEX_WAIT_PRIVATE, why, &span, NULL, 0);
    }
    atomic_store(&roused, 0);
    Py_END_ALLOW_THREADS;
    Py_RETURN_NONE;
}

PyDoc_STRVAR(rouse_doc, "rouse()\n--\n\nEnd a rest(), or the next one if there is none.");

static PyObject *sampler_rouse(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    atomic_store(&roused, AT_ONCE);
    syscall(SYS_futex, &roused, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    Py_RETURN_NONE;
}

#endif
