/* Threads that have ended: what of their time no sample told.

   A tick of the CPU timer falls anywhere, so a sample stands for half a mean distance before it and half a mean distance after it. A thread's first
   sample in its life stands for that half before it, and its last one for that half after it, however long the thread had really run then: by
   their own clocks threads that live for a fraction of an interval would be undercounted, and what a thread does at its end more than what it
   does first.

   Wall time at whose end a thread ran is told by its CPU samples. What one that has ended leaves untold goes into a pot, and the threads that
   have ended share the pot by what their CPU samples stand for: so those that were met stand for those that were not, in whichever function.
   What has no stack by chance is little: what exceeds some distances of the CPU timer was not met for another reason (the thread blocks the
   signal), and nobody is given it. */

#ifndef PLOPI_SAMPLER_ENDS_H
#define PLOPI_SAMPLER_ENDS_H

#include "_sampler_births.h"

#define CHANCE 8 /* distances: more that one thread runs unmet is no chance (e to the -8) */

/* CPU time of the process per tick of its timer so far. */
static uint64_t mean_spacing(void) {
    uint64_t ticks = READ(ticks), now = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    return ticks && now > began_cpu_ns ? (now - began_cpu_ns) / ticks : session.interval_ns;
}

/* What a CPU sample stands for: before it, and after it. */
static uint64_t cpu_before(const Sample *sample, uint64_t spacing) {
    return sample->flags & FIRST ? spacing / 2 : sample->cpu_ns;
}

static uint64_t cpu_after(const Sample *sample, uint64_t spacing) {
    return sample->flags & LAST ? spacing / 2 : 0;
}

/* Mark the last of each thread's samples that begin with its first. (Of a thread that lives on until the next drain that is the last in this one: as
   likely there as elsewhere.) */
static void mark_last(uint32_t index) {
    map_clear(&tables.newest);
    for (; index != 0; index = atomic_load_explicit(&pool.samples[index - 1].next, memory_order_relaxed)) {
        Sample *sample = &pool.samples[index - 1];
        uint64_t key = (uint64_t)sample->thread + 1;
        uint32_t former = sample->flags & FROM_WALL ? NO_ROW : map_get(&tables.newest, key);
        if (sample->flags & FIRST) { /* a thread without a clock has nothing else */
            sample->flags |= LAST;
        } else if (former != NO_ROW) {
            sample->flags |= LAST;
            pool.samples[former - 1].flags &= (uint16_t)~LAST;
        } else {
            continue;
        }
        if (former != NO_ROW) {
            map_set(&tables.newest, key, index);
        } else if (map_put(&tables.newest, key, index) < 0) {
            return;
        }
    }
}

/* Threads that have ended: their samples are all written by now. To be called before these are taken. */
static void find_ended(void) {
    uint32_t ended = atomic_load_explicit(&wall.ended, memory_order_acquire);
    for (uint32_t i = 0; ended != wall.found_ended && i < atomic_load(&wall.count); i++) {
        Watched *row = &wall.rows[i];
        if (row->tid != 0 && atomic_load_explicit(&row->gone, memory_order_acquire) && row->ended == NOT_ENDED) {
            row->ended = ENDED;
        }
    }
    wall.found_ended = ended;
}

/* Into the pot with what they ran, once it is known what their samples stand for. */
static void fill_pot(uint64_t spacing) {
    for (uint32_t i = 0; i < atomic_load(&wall.count); i++) {
        Watched *row = &wall.rows[i];
        if (row->tid != 0 && row->ended == ENDED) {
            uint64_t left_ns = atomic_exchange(&row->ran_ns, 0) + row->share_ns + row->due_ns, most_ns = row->cpu_ns + CHANCE * spacing;
            row->ended = IN_POT;
            row->share_ns = row->due_ns = 0;
            wall.claims_ns += row->cpu_ns;
            wall.pot_ns += left_ns < most_ns ? left_ns : most_ns;
            wall.untold_ns += left_ns < most_ns ? 0 : left_ns - most_ns;
        }
    }
}

/* Wall time out of the pot for a sample that stands for so much CPU time; at most twice that. */
static uint64_t take_from_pot(uint64_t cpu_ns) {
    uint64_t share_ns = wall.claims_ns == 0 ? 0 : (uint64_t)((double)wall.pot_ns * ((double)cpu_ns / (double)wall.claims_ns));
    share_ns = share_ns < 2 * cpu_ns ? share_ns : 2 * cpu_ns;
    wall.claims_ns -= cpu_ns;
    wall.pot_ns -= share_ns;
    return share_ns;
}

#endif
