/* How often a thread is looked at: at every turn of the ticker while it changes, more seldom while it goes on as it did.

   A look stands for a stretch of 1, 2, 4, ... turns. At which of them it is taken is drawn by lot, and how long the stretch is was settled
   before it began. So whatever the thread does in it is met as likely as it lasts long, and then gets the whole stretch: on average what
   looks at every turn would give, with more chance but no bias. Were the look always the stretch's last turn, what follows a long wait
   would get the wait's time: the stretches that end there are the long ones. */

#ifndef PLOPI_SAMPLER_PACE_H
#define PLOPI_SAMPLER_PACE_H

#include <stdint.h>

#define STEADY_STRETCHES 16 /* a stretch may double where the thread has gone on as it did for so many of the longer ones */

typedef struct {
    uint64_t next;     /* the turn of its next look */
    uint64_t since;    /* the turn of the last look that found it changed */
    uint64_t cpu_ns;   /* its CPU clock at the last look */
    uint64_t looked_ns; /* when that was */
    unsigned level;    /* the stretch of the next look is 1 << level turns long, and begins at a multiple of that */
} Pace;

/* A bit that tells nothing of its neighbours (the mixing of splitmix64). */
static inline unsigned lot(uint64_t number) {
    number += UINT64_C(0x9E3779B97F4A7C15);
    number = (number ^ (number >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    number = (number ^ (number >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (unsigned)((number ^ (number >> 31)) & 1);
}

/* The turn that is looked at in a stretch. It is also that of the half in which it lies: so the turns of those that are looked at seldom are
   among the turns of the others, and the ticker need not wake for each of them. */
static inline uint64_t turn_of(uint64_t stretch, unsigned level) {
    for (; level > 0; level--) {
        stretch = 2 * stretch + lot(stretch << 6 | level);
    }
    return stretch;
}

/* The first turn after the stretch of its next look. */
static inline uint64_t end_of_stretch(const Pace *pace) {
    return ((pace->next >> pace->level) + 1) << pace->level;
}

/* A thread's look at this turn, unless it is the one that is due: its first, or the first after a pause. */
static inline void pace_from(Pace *pace, uint64_t turn) {
    if (pace->next < turn) {
        *pace = (Pace){.next = turn, .since = turn};
    }
}

/* The look at pace->next is taken: what the thread's CPU clock showed, and when that was. A thread goes on as it did where it has stood
   still or has run all the time. */
static inline void pace_on(Pace *pace, uint64_t cpu_ns, uint64_t now, unsigned max_level) {
    uint64_t ran_ns = cpu_ns - pace->cpu_ns, elapsed_ns = now - pace->looked_ns;
    uint64_t begin = end_of_stretch(pace), longer = UINT64_C(2) << pace->level;
    if (ran_ns != 0 && ran_ns < elapsed_ns / 8 * 7) {
        pace->since = pace->next;
        pace->level = 0;
    } else if (pace->level < max_level && begin % longer == 0 && pace->next - pace->since >= STEADY_STRETCHES * longer) {
        pace->level++;
    }
    pace->cpu_ns = cpu_ns;
    pace->looked_ns = now;
    pace->next = turn_of(begin >> pace->level, pace->level);
}

#endif
