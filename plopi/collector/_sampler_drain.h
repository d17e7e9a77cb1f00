/* The drain, with the GIL: what lies in the pool is interned and filed, wall time is settled, threads are listed. */

#ifndef PLOPI_SAMPLER_DRAIN_H
#define PLOPI_SAMPLER_DRAIN_H

#include "_sampler_ends.h"

/* The wall time that goes with a CPU sample: of what its thread has, as much as its CPU time is of the thread's in this drain. */
static uint64_t take_share(Watched *row, uint64_t cpu_ns) {
    if (row == NULL || row->cpu_ns == 0) {
        return 0;
    }
    uint64_t share_ns = cpu_ns == row->cpu_ns ? row->share_ns : (uint64_t)((double)row->share_ns * ((double)cpu_ns / (double)row->cpu_ns));
    row->cpu_ns -= cpu_ns;
    row->share_ns -= share_ns;
    return share_ns;
}

/* The CPU time between two samples of a thread goes half to either: each moment belongs to the nearest sample. If it all went to the
   later one, work that comes in bursts shorter than the kernel's tick would be filed under what ends a burst. */
static void file_running(const Sample *sample, uint64_t spacing) {
    Watched *row = watched(sample->tid);
    uint64_t before_ns = cpu_before(sample, spacing), cpu_ns = before_ns + cpu_after(sample, spacing);
    uint32_t node = stack_of(&tables, sample);
    if (node == NO_ROW) {
        return;
    }
    uint64_t wall_ns = row != NULL && row->ended ? take_from_pot(cpu_ns) : take_share(row, cpu_ns);
    Leaf leaf = {bounded(&tables, node), leaf_runs_native_code(&tables, sample)}, last = swap_last_leaf(&tables, sample->thread, leaf);
    if (row != NULL) {
        row->run_node = leaf.node;
        row->run_thread = sample->thread;
    }
    double halves = last.node == NO_ROW || sample->flags & FIRST || cpu_ns == 0 ? 0 : (double)(before_ns / 2) / (double)cpu_ns;
    uint64_t half_ns = (uint64_t)((double)cpu_ns * halves), half_wall_ns = (uint64_t)((double)wall_ns * halves);
    if (!(session.clocks & CPU_CLOCK)) {
        if (wall_ns == 0) {
            return; /* no look met it running */
        }
        cpu_ns = half_ns = 0;
    }
    uint32_t thread = thread_row(&tables, sample);
    if (thread == NO_ROW || add_weights(&tables, leaf, thread, 1, cpu_ns - half_ns, wall_ns - half_wall_ns) < 0 ||
        ((half_ns | half_wall_ns) && add_weights(&tables, last, thread, 0, half_ns, half_wall_ns) < 0)) {
        tables.dropped++;
    }
}

/* What each thread's CPU samples add up to, among which the wall time at whose end it ran is divided. */
static void add_up_samples(uint32_t index, uint64_t spacing) {
    wall.claims_ns = 0;
    for (; index != 0; index = atomic_load_explicit(&pool.samples[index - 1].next, memory_order_relaxed)) {
        const Sample *sample = &pool.samples[index - 1];
        Watched *row = sample->flags & FROM_WALL ? NULL : watched(sample->tid);
        if (row != NULL) {
            row->cpu_ns += cpu_before(sample, spacing) + cpu_after(sample, spacing);
            row->share_ns += atomic_exchange_explicit(&row->ran_ns, 0, memory_order_relaxed);
        }
    }
}

/* What lies in the pool is taken even where that is nothing: from then on a sample that was begun before is not published (pool_publish_if). */
static void drain_pool(void) {
    uint32_t found_ended = wall.found_ended;
    if (session.clocks & WALL_CLOCK) {
        find_ended();
    }
    uint32_t index = pool_take_ready(&pool);
    int some_ended = wall.found_ended != found_ended;
    uint64_t spacing = index != 0 || some_ended ? mean_spacing() : 0;
    mark_last(index);
    if (session.clocks & WALL_CLOCK) {
        map_rows();
        add_up_samples(index, spacing);
        if (some_ended) {
            fill_pot(spacing);
        }
    }
    while (index != 0) {
        Sample *sample = &pool.samples[index - 1];
        index = atomic_load_explicit(&sample->next, memory_order_relaxed);
        if (sample->flags & FROM_WALL) {
            file_standing(&tables, sample);
        } else {
            file_running(sample, spacing);
        }
        pool_give_back(&pool, sample);
    }
}

/* The kernel's number of a thread. Its own state may still hold the one it had before a fork (3.11). */
static int32_t tid_of(PyThreadState *thread) {
    return thread == running_thread_state() ? (int32_t)syscall(SYS_gettid) : (int32_t)thread->native_thread_id;
}

/* Threads without a thread state, as those of C between two calls of Python, are left alone. */
static void list_threads(void) {
    wall.pass++;
    uint64_t made = threads_made(session.interp);
    for (PyThreadState *thread = PyInterpreterState_ThreadHead(session.interp); thread != NULL; thread = PyThreadState_Next(thread)) {
        Watched *row = has_begun(thread) ? watched(tid_of(thread)) : NULL;
        if (row != NULL) {
            atomic_store_explicit(&row->state, thread, memory_order_relaxed);
            row->pass = wall.pass;
        }
    }
    for (uint32_t i = 0; i < atomic_load(&wall.count); i++) {
        if (wall.rows[i].pass != wall.pass && atomic_load_explicit(&wall.rows[i].state_number, memory_order_relaxed) <= made) {
            atomic_store_explicit(&wall.rows[i].state, NULL, memory_order_relaxed);
        }
    }
}

static void settle_wall(void) {
    for (uint32_t i = 0; i < atomic_load(&wall.count); i++) {
        Watched *row = &wall.rows[i];
        if (row->tid == 0) {
            continue;
        }
        if (pool_has_ready(&pool)) { /* its newest sample, which this time follows, may not be filed yet */
            continue;
        }
        settle_row(&tables, row);
        if (!row->ended && !wall.running) {
            settle_last(&tables, row);
        }
        if (row->ended) {
            if (map_get(&wall.by_tid, (uint64_t)row->tid) == i) {
                map_remove(&wall.by_tid, (uint64_t)row->tid);
            }
            atomic_store_explicit(&row->tid, 0, memory_order_release);
        }
    }
}

#endif
