/* For native_cost.py: the sampler's own handler against an empty one, in one process, signal by signal.

   Both handlers are entered by a signal that the thread sends to itself with rt_tgsigqueueinfo, which takes the kernel's path of a
   timer's signal but for the timer. What is timed is that call, by the thread's CPU clock, the two handlers in turn. */

#define _GNU_SOURCE
#include "../plopi/collector/_sampler.c"

static void on_nothing(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    (void)context;
}

static void send(void) {
    siginfo_t info;
    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = SI_KERNEL; /* to oneself anything may be claimed */
    syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), SIGPROF, &info);
}

static uint64_t rounds(int count) {
    uint64_t begin = read_clock(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < count; i++) {
        send();
    }
    return read_clock(CLOCK_THREAD_CPUTIME_ID) - begin;
}

/* measure(count): nanoseconds for `count` signals with an empty handler, with the sampler's, and for draining what it wrote. To be called
   while the sampler runs with an interval that never comes. */
static PyObject *measure(PyObject *module, PyObject *count_object) {
    (void)module;
    int count = (int)PyLong_AsLong(count_object);
    struct sigaction empty = {.sa_sigaction = on_nothing, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART}, ours;
    sigaction(SIGPROF, &empty, &ours);
    uint64_t nothing = rounds(count);
    sigaction(SIGPROF, &ours, NULL);
    uint64_t sampling = rounds(count);
    uint64_t begin = read_clock(CLOCK_THREAD_CPUTIME_ID);
    drain_pool();
    return Py_BuildValue("(KKK)", nothing, sampling, read_clock(CLOCK_THREAD_CPUTIME_ID) - begin);
}

static PyMethodDef bench_methods[] = {{"measure", measure, METH_O, NULL}, {NULL, NULL, 0, NULL}};

PyMODINIT_FUNC PyInit_native_cost(void) {
    PyObject *made = PyInit__sampler();
    return made != NULL && PyModule_AddFunctions(made, bench_methods) == 0 ? made : NULL;
}
