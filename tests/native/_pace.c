/* For tests: how often a thread is looked at, driven by given clocks. */

#include "../../plopi/collector/_sampler_pace.h"

uint64_t drawn(uint64_t stretch, unsigned level) {
    return turn_of(stretch, level);
}

void begin(Pace *pace, uint64_t turn) {
    pace_from(pace, turn);
}

/* Returns the first turn after the stretch for which the look stands. */
uint64_t look(Pace *pace, uint64_t cpu_ns, uint64_t now, unsigned max_level) {
    uint64_t end = end_of_stretch(pace);
    pace_on(pace, cpu_ns, now, max_level);
    return end;
}
