/* For tests: a thread that never waits for the GIL and sends SIGPROF to every listed thread that has moved, as the kernel's CPU timer would if its
   tick were some microseconds. */

#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST 256
#define OF_THREAD 6u

static struct {
    _Atomic int count, stop;
    _Atomic int32_t tids[MOST];
    uint64_t seen[MOST]; /* CPU clocks */
    uint64_t interval_ns;
    pthread_t thread;
} storm;

void storm_list(const int32_t *tids, int count) {
    count = count > MOST ? MOST : count;
    for (int i = 0; i < count; i++) {
        atomic_store(&storm.tids[i], tids[i]);
    }
    atomic_store(&storm.count, count);
}

static void signal_thread(int32_t tid) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, SIGPROF, &info);
}

static void *blow(void *unused) {
    (void)unused;
    struct timespec pause = {0, (long)storm.interval_ns};
    while (!atomic_load(&storm.stop)) {
        int count = atomic_load(&storm.count);
        for (int i = 0; i < count; i++) {
            int32_t tid = atomic_load(&storm.tids[i]);
            struct timespec now;
            if (clock_gettime((clockid_t)(~(unsigned)tid << 3 | OF_THREAD), &now) == 0) {
                uint64_t cpu_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
                if (cpu_ns != storm.seen[i]) {
                    storm.seen[i] = cpu_ns;
                    signal_thread(tid);
                }
            }
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

int storm_begin(uint64_t interval_ns) {
    storm.interval_ns = interval_ns;
    atomic_store(&storm.stop, 0);
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int error = pthread_create(&storm.thread, NULL, blow, NULL);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return error;
}

/* None is sent any more once this returns. */
void storm_end(void) {
    atomic_store(&storm.stop, 1);
    pthread_join(storm.thread, NULL);
}
