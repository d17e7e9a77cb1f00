/* plopi's native engine: the signal handler itself walks the frames of the thread that burned the CPU.

   THE HANDLER'S CONTRACT (`on_signal` and everything it calls: `take_sample`, `walk`, the pool's producers)
   - It runs on any thread, at any instruction, with or without the GIL, also inside malloc and inside the interpreter.
   - It allocates nothing, takes no lock, waits for nothing, writes no memory but its own sample, the thread's own `self` and
     lock-free counters, and touches no reference count.
   - Its system calls are clock_gettime, gettid and rt_sigprocmask (with arguments that change nothing). Of Python's API it calls
     PyGILState_GetThisThreadState, one read of a thread-specific value, and in 3.11 _PyThreadState_UncheckedGet, one read.
   - Its work is bounded: MAX_DEPTH frames, POOL_TRIES attempts.
   - It follows no pointer that it has not checked (_sampler_walk.h), so a frame that is being pushed or popped costs a sample, no more.
   - errno is what it was. SA_RESTART: the interrupted call goes on. SA_ONSTACK: a program's signal stack is used where it has one.
   - A thread state outlives the handler on its own thread: CPython clears the thread-specific value before it frees the state
     (Python/pystate.c, tstate_delete_common). Other threads' states go at finalisation, before which sampling must have stopped.

   Code pointers lie in samples until the drain, with the GIL, turns them into names. Whenever a code object is about to die, what
   is waiting is drained first (`code_dies`): no pointer in the pool ever outlives its object. A thread that is inside the handler
   meanwhile does not hold the GIL, so its chain stands still and owns all its code objects: the dying one is not among them. */

#define _GNU_SOURCE
#include "_sampler_drain.h"
#include "_sampler_rest.h"

#include <sched.h>
#include <sys/time.h>

#define SIGNAL SIGPROF
#ifndef BUILT_FROM
#define BUILT_FROM 0 /* the sources' fingerprint (native_sources.py), which the build tells */
#endif
static const int of_faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
#define COST_EVERY 64 /* one sample in so many is timed */

typedef struct {
    uint32_t session; /* which `session.number` the rest belongs to */
    uint32_t thread;
    int32_t tid;
    uint32_t born_since; /* no base: the thread is younger than the session */
    uint64_t cpu_ns;     /* its CPU clock at its last sample */
} Self;

static __thread Self self __attribute__((tls_model("initial-exec"))); /* as `ignored` */

/* -- the handler ------------------------------------------------------------------------------------------------------- */

static void begin_thread(void) {
    self.session = session.number;
    self.thread = atomic_fetch_add_explicit(&session.threads, 1, memory_order_relaxed);
    self.tid = (int32_t)syscall(SYS_gettid);
    self.cpu_ns = 0;
    self.born_since = 1;
    for (unsigned i = 0; i < session.base_count; i++) {
        if (session.bases[i].tid == self.tid) {
            self.cpu_ns = session.bases[i].cpu_ns;
            self.born_since = 0;
            return;
        }
    }
}

/* The calling thread runs no Python code now: its time is nobody's. */
static void leave_out(uint64_t now) {
    /* what a thread did before its first tick may have been before the start */
    atomic_fetch_add_explicit(&session.foreign_ns, self.born_since ? 0 : now - self.cpu_ns, memory_order_relaxed);
    self.born_since = 0;
    self.cpu_ns = now;
}

/* The calling thread's own thread state, or NULL where there is nothing to sample (and then it is counted why). */
static PyThreadState *own_thread_state(uint64_t now) {
    PyThreadState *thread = PyGILState_GetThisThreadState();
    if (thread != NULL && thread->interp == session.interp && (!session.main_only || self.tid == session.pid)) {
        return thread;
    }
    COUNT(foreign);
    leave_out(now);
    return NULL;
}

/* A sample of the calling thread's stack that is not published yet, or NULL (and then it is counted why). */
static Sample *stack_now(PyThreadState *thread, uint64_t now) {
    Sample *sample = pool_take(&pool);
    if (sample == NULL) {
        COUNT(lost); /* its time goes to the thread's next sample */
        return NULL;
    }
    sample->flags = 0;
    int depth = walk(thread, sample, session.max_depth);
    if (depth <= 0) {
        pool_give_back(&pool, sample);
        if (depth == TORN) {
            COUNT(torn); /* as if lost */
        } else {
            COUNT(frameless);
            leave_out(now);
        }
        return NULL;
    }
    if (collecting_garbage(session.interp) && state_is_running(thread, thread)) {
        sample->flags |= IN_GC;
    }
    sample->thread = self.thread;
    sample->tid = self.tid;
    sample->ident = thread->thread_id;
    sample->entry = -1;
    sample->wall_ns = sample->still_ns = sample->still = 0;
    return sample;
}

/* A tick of the CPU timer: the thread's CPU time since its last such sample. */
static void sample_cpu(uint64_t now) {
    PyThreadState *thread = own_thread_state(now);
    Sample *sample = thread != NULL ? stack_now(thread, now) : NULL;
    if (sample != NULL) {
        sample->flags |= self.born_since ? FIRST : 0;
        sample->cpu_ns = now - self.cpu_ns;
        self.born_since = now == 0; /* without its clock every sample stands for the mean distance */
        self.cpu_ns = now;
        pool_publish(&pool, sample);
    }
}

static void take_sample(void) {
    COUNT(ticks);
    if (ignored) {
        COUNT(ignored);
        return;
    }
    if (self.session != session.number) {
        begin_thread();
    }
    uint64_t now = read_clock(CLOCK_THREAD_CPUTIME_ID);
    if (now == 0 || now < self.cpu_ns) { /* no clock, or the kernel gave an ended thread's number to this one */
        self.cpu_ns = 0;
        self.born_since = 1;
    }
    sample_cpu(now);
    if (READ(ticks) % COST_EVERY == 2) { /* not the first, which finds memory untouched */
        COUNT(timed);
        atomic_fetch_add_explicit(&session.timed_ns, read_clock(CLOCK_THREAD_CPUTIME_ID) - now, memory_order_relaxed);
    }
}

/* The kernel's own timer, or this process (the storm in the tests): what anybody else sends is not ours to count. */
static inline int is_tick(const siginfo_t *info) {
    return info->si_code == SI_KERNEL || (info->si_code == SI_QUEUE && info->si_pid == session.pid);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    int former_errno = errno;
    atomic_fetch_add(&session.inside, 1);
    if (atomic_load(&session.state) == ON && is_tick(info)) {
        take_sample();
    }
    atomic_fetch_sub(&session.inside, 1);
    errno = former_errno;
}

/* -- code objects that die ------------------------------------------------------------------------------------------------ */

static void code_dies(PyCodeObject *code) {
    if (tables_live) {
        tables.dying = code;
        drain_pool();
        forget_code(&tables, code);
        tables.dying = NULL;
    }
}

#ifdef HAS_CODE_WATCHERS
static int watcher = -1;

static int on_code_event(PyCodeEvent event, PyCodeObject *code) {
    if (event == PY_CODE_EVENT_DESTROY) {
        code_dies(code);
    }
    return 0;
}

static int watch_code(void) {
    if (watcher < 0) {
        watcher = PyCode_AddWatcher(on_code_event);
    }
    return watcher < 0 ? -1 : 0;
}

static void unwatch_code(void) {
    if (watcher >= 0 && PyCode_ClearWatcher(watcher) == 0) {
        watcher = -1;
    }
    PyErr_Clear();
}
#else
static destructor code_dealloc;

static void on_code_dealloc(PyObject *code) {
    code_dies((PyCodeObject *)code);
    code_dealloc(code);
}

static int watch_code(void) {
    if (PyCode_Type.tp_dealloc != on_code_dealloc) {
        code_dealloc = PyCode_Type.tp_dealloc;
        PyCode_Type.tp_dealloc = on_code_dealloc;
    }
    return 0;
}

static void unwatch_code(void) {
    if (PyCode_Type.tp_dealloc == on_code_dealloc) { /* else somebody wrapped it after us, and goes on calling us */
        PyCode_Type.tp_dealloc = code_dealloc;
    }
}
#endif

/* -- start and stop ---------------------------------------------------------------------------------------------------- */

/* CPU clocks of the threads there are, so that a thread's first sample weighs what it did since the start. */
static void note_bases(void) {
    session.base_count = 0;
    for (PyThreadState *thread = PyInterpreterState_ThreadHead(session.interp); thread != NULL && session.base_count < MAX_BASES;
         thread = PyThreadState_Next(thread)) {
        int32_t tid = tid_of(thread);
        if (tid != 0) {
            session.bases[session.base_count++] = (Base){tid, read_clock(clock_of_thread(tid))};
        }
    }
}

static struct timeval interval; /* that of the timer which we armed, as the kernel tells it; zero: none */

static void arm(uint64_t interval_ns) {
    struct itimerval timer = {{0, 0}, {0, 0}};
    timer.it_interval.tv_sec = (time_t)(interval_ns / 1000000000u);
    timer.it_interval.tv_usec = (suseconds_t)(interval_ns % 1000000000u / 1000u);
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_PROF, &timer, NULL);
    getitimer(ITIMER_PROF, &timer);
    interval = timer.it_interval;
}

/* Unless the program has set the timer to something of its own. */
static void disarm(void) {
    struct itimerval timer;
    if ((interval.tv_sec || interval.tv_usec) && getitimer(ITIMER_PROF, &timer) == 0 && timer.it_interval.tv_sec == interval.tv_sec &&
        timer.it_interval.tv_usec == interval.tv_usec) {
        arm(0);
    }
}

/* No handler runs once this returns, and none will until the next start. Given up after some seconds: a thread that is being debugged may
   stand in its handler for ever. All that a late one touches (pool, counters, rows of threads) stays mapped. */
static void wait_for_handlers(void) {
    struct timespec moment = {0, 50000};
    for (int i = 0; atomic_load(&session.inside) > 0 && i < 40000; i++) {
        if (i < 100) {
            sched_yield();
        } else {
            nanosleep(&moment, NULL);
        }
    }
}

static int signal_is_ours(void) {
    struct sigaction present;
    return sigaction(SIGNAL, NULL, &present) == 0 && (present.sa_flags & SA_SIGINFO) && present.sa_sigaction == on_signal;
}

static void forget_in_child(void) {
    if (atomic_exchange(&session.state, OFF) == ON && signal_is_ours()) {
        sigaction(SIGNAL, &session.former, NULL);
    }
    atomic_store(&session.inside, 0);
    tables_live = 0; /* another thread may have been at them; they stay behind */
    memset(&tables, 0, sizeof tables);
    if (pool.samples != NULL) {
        pool_clear(&pool);
    }
    wall.running = 0; /* the ticker was the parent's */
    memset(&wall.by_tid, 0, sizeof wall.by_tid);
    clear_rows();
}

static PyObject *raise_os_error(void) {
    return PyErr_SetFromErrno(PyExc_OSError);
}

static int signal_is_free(int over_handler) {
    struct sigaction present;
    struct itimerval timer;
    if (sigaction(SIGNAL, NULL, &present) < 0 || getitimer(ITIMER_PROF, &timer) < 0 || timer.it_value.tv_sec || timer.it_value.tv_usec) {
        return 0;
    }
    return over_handler || (!(present.sa_flags & SA_SIGINFO) && (present.sa_handler == SIG_DFL || present.sa_handler == SIG_IGN));
}

PyDoc_STRVAR(is_free_doc, "is_free(over_handler)\n--\n\nWhether start() could have SIGPROF and its timer.");

static PyObject *sampler_is_free(PyObject *module, PyObject *over_handler) {
    (void)module;
    int over = PyObject_IsTrue(over_handler);
    return over < 0 ? NULL : PyBool_FromLong(signal_is_free(over));
}

PyDoc_STRVAR(start_doc, "start(clocks, interval_ns, longest_ns, max_depth, max_stacks, own_directory, pass_on, main_only, over_handler)\n--\n\n"
                        "Begin to sample. Raises RuntimeError where SIGPROF or its timer is somebody else's; over_handler: a handler that is\n"
                        "installed is plopi's own, and comes back at stop(). pass_on: files in own_directory that call the application.\n"
                        "longest_ns: how far apart the wall clock's looks at a thread may come to be while it goes on as it did.\n"
                        "Returns 0, or the errno for which wall time has no ticker (resume() tries again).");

static PyObject *sampler_start(PyObject *module, PyObject *args) {
    (void)module;
    int clocks, max_depth, main_only, over_handler;
    unsigned long long interval_ns, longest_ns;
    unsigned int max_stacks;
    PyObject *own_directory, *pass_on;
    if (!PyArg_ParseTuple(args, "iKKiIUO!pp", &clocks, &interval_ns, &longest_ns, &max_depth, &max_stacks, &own_directory, &PyFrozenSet_Type, &pass_on,
                          &main_only, &over_handler)) {
        return NULL;
    }
    if (atomic_load(&session.state) == ON || tables_live) {
        PyErr_SetString(PyExc_RuntimeError, "the native engine runs already: stop it and take its last rows first");
        return NULL;
    }
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_RuntimeError, "the native engine samples the main interpreter: start it there");
        return NULL;
    }
    if (!signal_is_free(over_handler)) {
        PyErr_SetString(PyExc_RuntimeError, "SIGPROF or its timer is in use by somebody else");
        return NULL;
    }
    if (pool_open(&pool) < 0) {
        return raise_os_error();
    }
    if (tables_open(&tables, max_stacks, own_directory, pass_on) < 0 || watch_code() < 0) {
        return NULL;
    }
    tables_live = 1;
    atomic_store(&session.threads, 0);
    session.number++;
    session.clocks = clocks;
    session.main_only = main_only;
    session.interval_ns = interval_ns;
    session.pid = (int32_t)getpid();
    session.max_depth = max_depth < 1 ? 1 : max_depth > MAX_DEPTH ? MAX_DEPTH : max_depth;
    session.interp = PyInterpreterState_Main();
    _Atomic uint64_t *counters[] = {&session.ticks,   &session.lost,      &session.torn,  &session.foreign,
                                    &session.ignored, &session.frameless, &session.timed, &session.timed_ns, &session.foreign_ns};
    for (size_t i = 0; i < sizeof counters / sizeof *counters; i++) {
        atomic_store(counters[i], 0);
    }
    note_bases();
    began_cpu_ns = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    /* no other handler on top of ours, which it might leave by longjmp; but for what a fault raises, which cannot wait */
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < sizeof of_faults / sizeof *of_faults; i++) {
        sigdelset(&action.sa_mask, of_faults[i]);
    }
    atomic_store(&session.state, ON);
    sigaction(SIGNAL, &action, &session.former);
    int error = 0;
    if (clocks & WALL_CLOCK) {
        begin_births();
        error = ticker_start(interval_ns, longest_ns, SIGNAL, &pool, session.interp, session.max_depth);
    }
    arm(interval_ns);
    return PyLong_FromLong(error);
}

PyDoc_STRVAR(stop_doc, "stop()\n--\n\nNo more samples; the signal's former action is back. What was sampled can still be taken. Idempotent.");

static PyObject *sampler_stop(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    if (atomic_load(&session.state) == ON) {
        ticker_stop();
        atomic_store(&session.state, OFF);
        disarm();
        struct sigaction ignore = {.sa_handler = SIG_IGN};
        if (signal_is_ours()) {
            /* to ignore a signal discards what is pending of it: so none is left that the former action could meet */
            sigaction(SIGNAL, &ignore, NULL);
            sigaction(SIGNAL, &session.former, NULL);
        }
        wait_for_handlers();
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(pause_doc, "pause()\n--\n\nNo tick arrives from here on, nor is one left pending, until resume().");

static PyObject *sampler_pause(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    struct sigaction present, ignore = {.sa_handler = SIG_IGN};
    if (atomic_load(&session.state) == ON && sigaction(SIGNAL, NULL, &present) == 0) {
        disarm();
        ticker_stop();
        sigaction(SIGNAL, &ignore, NULL); /* discards what is pending */
        sigaction(SIGNAL, &present, NULL);
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(resume_doc, "resume(interval_ns)\n--\n\nArm the timer again. As start(): 0, or the errno for which wall time has no ticker.");

static PyObject *sampler_resume(PyObject *module, PyObject *interval) {
    (void)module;
    unsigned long long interval_ns = PyLong_AsUnsignedLongLong(interval);
    if (PyErr_Occurred()) {
        return NULL;
    }
    int error = 0;
    if (atomic_load(&session.state) == ON && signal_is_ours()) { /* else it is the program's, which is not to be sent any */
        if (session.clocks & WALL_CLOCK) {
            error = ticker_resume();
        }
        arm(interval_ns);
    }
    return PyLong_FromLong(error);
}

PyDoc_STRVAR(is_ours_doc, "is_ours()\n--\n\nWhether signal and timer are still as start() set them.");

static PyObject *sampler_is_ours(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    struct itimerval timer;
    int ours = signal_is_ours() && getitimer(ITIMER_PROF, &timer) == 0 && (timer.it_interval.tv_sec || timer.it_interval.tv_usec);
    return PyBool_FromLong(ours);
}

PyDoc_STRVAR(ignore_thread_doc, "ignore_thread()\n--\n\nNever sample the calling thread: it is plopi's own.");

static PyObject *sampler_ignore_thread(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    ignored = 1;
    atomic_store(&wall.own_tid, (int32_t)syscall(SYS_gettid));
    Py_RETURN_NONE;
}

/* -- handing over ------------------------------------------------------------------------------------------------------ */

static PyObject *rows_from(const Column *column, size_t begin) {
    return column->count > begin ? PyBytes_FromStringAndSize(column->rows + begin * column->width, (Py_ssize_t)((column->count - begin) * column->width))
                                 : PyBytes_FromStringAndSize(NULL, 0);
}

PyDoc_STRVAR(take_doc,
             "take()\n--\n\n"
             "Drain, and hand over what is new: (sequence number from 0, functions [(name, file, line)], locations 'Ii' (function, line), nodes 'II' (parent,\n"
             "location), sums 'IIQQQQ' (node, thread, count, cpu_ns, wall_ns, native_ns), threads 'QQq' (number, ident, tid)), the last four as bytes\n"
             "of rows. Ids of functions, locations and nodes go on from call to call; sums and threads begin anew each time.");

static PyObject *sampler_take(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    if (!tables_live) {
        PyErr_SetString(PyExc_RuntimeError, "the native engine has not been started");
        return NULL;
    }
    note_known();
    drain_pool();
    if (session.clocks & WALL_CLOCK) {
        settle_wall();
        if (atomic_load(&session.state) == ON) {
            list_threads();
        }
    }
    /* bytes are no containers: making them starts no collection, so no code object dies until all columns are copied */
    PyObject *locations = rows_from(&tables.locations, tables.locations_told), *nodes = rows_from(&tables.nodes, tables.nodes_told);
    PyObject *sums = rows_from(&tables.sums, 0), *threads = rows_from(&tables.threads, 0);
    PyObject *functions = NULL;
    unsigned long long sequence = tables.taken;
    if (locations != NULL && nodes != NULL && sums != NULL && threads != NULL) {
        size_t first = tables.functions_told, count = tables.functions.count - first;
        tables.functions_told = tables.functions.count;
        tables.locations_told = tables.locations.count;
        tables.nodes_told = tables.nodes.count;
        tables.taken++;
        tables.sums.count = tables.threads.count = 0;
        map_clear(&tables.sum_rows);
        map_clear(&tables.thread_rows);
        functions = PyList_New((Py_ssize_t)count);
        for (size_t i = 0; functions != NULL && i < count; i++) {
            Function *row = ROW(tables.functions, Function, first + i);
            PyObject *entry = Py_BuildValue("(OOi)", row->name, row->file, row->line);
            if (entry == NULL) {
                Py_CLEAR(functions);
                break;
            }
            PyList_SET_ITEM(functions, (Py_ssize_t)i, entry);
        }
    }
    if (functions == NULL) {
        Py_XDECREF(locations);
        Py_XDECREF(nodes);
        Py_XDECREF(sums);
        Py_XDECREF(threads);
        return NULL;
    }
    return Py_BuildValue("(KNNNNN)", sequence, functions, locations, nodes, sums, threads);
}

PyDoc_STRVAR(close_doc, "close()\n--\n\nStop, and let go of the tables and of the hook on code objects.");

static PyObject *sampler_close(PyObject *module, PyObject *unused) {
    Py_DECREF(sampler_stop(module, unused));
    if (tables_live) {
        tables_live = 0;
        for (uint32_t index = pool_take_ready(&pool); index != 0;) {
            Sample *sample = &pool.samples[index - 1];
            index = atomic_load_explicit(&sample->next, memory_order_relaxed);
            pool_give_back(&pool, sample);
        }
        tables_free(&tables);
        wall_forget();
    }
    unwatch_code();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(counters_doc, "counters()\n--\n\nWhat was counted since start(), by name.");

static PyObject *sampler_counters(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    uint64_t timed = READ(timed);
    return Py_BuildValue("{sKsKsKsKsKsKsKsKsKsKsKsKsKsKsK}", "ticks", READ(ticks), "looks", atomic_load(&wall.looks), "spared", atomic_load(&wall.spared), "seen", atomic_load(&wall.seen), "lost", READ(lost), "torn", READ(torn), "foreign", READ(foreign),
                         "foreign_ns", READ(foreign_ns), "ignored", READ(ignored), "frameless", READ(frameless), "cost_ns",
                         (timed ? READ(timed_ns) / timed * READ(ticks) : 0) + atomic_load(&wall.cost_ns), "strange", tables.strange, "dropped", tables.dropped, "over",
                         tables.over, "untold_ns", atomic_load(&wall.untold_ns) + wall.pot_ns);
}

PyDoc_STRVAR(sees_memory_doc, "sees_memory()\n--\n\nWhether the kernel tells memory that can be read from memory that cannot.");

static PyObject *sampler_sees_memory(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    void *closed = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (closed == MAP_FAILED) {
        return raise_os_error();
    }
    View view = {{0}, 0, NULL, 0, 0};
    int open_is_seen = is_readable(&view, &view, sizeof view), closed_is_seen = is_readable(&view, closed, 8);
    munmap(closed, 4096);
    return PyBool_FromLong(open_is_seen && !closed_is_seen && !is_readable(&view, closed, 8));
}

PyDoc_STRVAR(sees_threads_doc, "sees_threads()\n--\n\nWhether threads that wait can be looked at from outside, as wall time needs it.");

static PyObject *sampler_sees_threads(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    Copy copy = {.pid = getpid()};
    return PyBool_FromLong(can_copy(&copy));
}

/* -- for the self-test -------------------------------------------------------------------------------------------------- */

PyDoc_STRVAR(probe_doc, "probe()\n--\n\n"
                        "The calling thread's stack as a handler would see it now: [(code, unit)], leaf first; None where the chain is not whole.");

static PyObject *sampler_probe(PyObject *module, PyObject *unused) {
    (void)module;
    (void)unused;
    Sample *sample = calloc(1, sizeof *sample);
    if (sample == NULL) {
        return PyErr_NoMemory();
    }
    int depth = walk(PyGILState_GetThisThreadState(), sample, MAX_DEPTH);
    PyObject *frames = depth == TORN ? Py_NewRef(Py_None) : PyList_New(0);
    for (int i = 0; i < depth && frames != NULL; i++) {
        uintptr_t pointer = (uintptr_t)(sample->code[i] & ~UINT64_C(7));
        if (is_code(pointer, 0) && code_is_stand_in((PyCodeObject *)pointer)) {
            continue;
        }
        PyObject *entry = Py_BuildValue("(Oi)", is_code(pointer, 0) ? (PyObject *)pointer : Py_None, sample->unit[i]);
        if (entry == NULL || PyList_Append(frames, entry) < 0) {
            Py_CLEAR(frames);
        }
        Py_XDECREF(entry);
    }
    free(sample);
    return frames;
}

static PyMethodDef methods[] = {
    {"start", sampler_start, METH_VARARGS, start_doc},
    {"stop", sampler_stop, METH_NOARGS, stop_doc},
    {"is_free", sampler_is_free, METH_O, is_free_doc},
    {"pause", sampler_pause, METH_NOARGS, pause_doc},
    {"resume", sampler_resume, METH_O, resume_doc},
    {"is_ours", sampler_is_ours, METH_NOARGS, is_ours_doc},
    {"ignore_thread", sampler_ignore_thread, METH_NOARGS, ignore_thread_doc},
    {"is_news", sampler_is_news, METH_NOARGS, is_news_doc},
    {"rest", sampler_rest, METH_VARARGS, rest_doc},
    {"rouse", sampler_rouse, METH_NOARGS, rouse_doc},
    {"take", sampler_take, METH_NOARGS, take_doc},
    {"close", sampler_close, METH_NOARGS, close_doc},
    {"counters", sampler_counters, METH_NOARGS, counters_doc},
    {"probe", sampler_probe, METH_NOARGS, probe_doc},
    {"sees_memory", sampler_sees_memory, METH_NOARGS, sees_memory_doc},
    {"sees_threads", sampler_sees_threads, METH_NOARGS, sees_threads_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "plopi.collector._sampler", "The native engine's C part: see plopi.collector.native.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__sampler(void) {
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "plopi's native engine works in the main interpreter only");
        return NULL;
    }
    static int fork_hook;
    if (!fork_hook && pthread_atfork(NULL, NULL, forget_in_child) == 0) {
        fork_hook = 1;
    }
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL || PyModule_AddIntConstant(module, "BUILT_FOR", PY_VERSION_HEX) < 0 ||
        PyModule_AddIntConstant(module, "BUILT_FROM", (long)BUILT_FROM) < 0 ||
        PyModule_AddIntMacro(module, MAX_DEPTH) < 0 || PyModule_AddIntMacro(module, POOL_SAMPLES) < 0 ||
        PyModule_AddIntMacro(module, CPU_CLOCK) < 0 || PyModule_AddIntMacro(module, WALL_CLOCK) < 0) {
        Py_XDECREF(module);
        return NULL;
    }
    return module;
}
