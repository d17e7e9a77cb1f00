/* For tests, x86-64 only: walk the frames at every single machine instruction of a Python call.

   A timer meets the few instructions at which a frame is being pushed or popped once in ten thousand ticks; the processor's trap flag meets
   each of them. `step(function, limit)` calls the function under the trap flag; SIGTRAP's handler walks exactly as the sampler's
   does and looks at every code pointer at once. At one instruction in seven it also walks copies of the memory, as is done from outside:
   that must tell the same. Returns what was counted and every distinct chain of code objects seen. */

#define _GNU_SOURCE
#include "../../plopi/collector/_sampler_outside.h"
#include "../../plopi/collector/_sampler_tables.h"

#include <signal.h>
#include <ucontext.h>

#define TRAP_FLAG 0x100
#define MAX_CHAINS 65536

typedef struct {
    uint64_t hash, count;
    int depth;
    uintptr_t code[MAX_DEPTH];
} Chain;

static struct {
    volatile int on;
    uint64_t steps, limit, torn, empty, strange, chains_lost, copied, differs;
    uint64_t longest_torn, torn_now; /* instructions in a row */
    uint32_t count;
    Chain *chains;
    uint32_t *slots;
} seen;

static PyThreadState *own;
static Sample sample, copied;
static Copy copy;

static void compare_with_copy(int depth) {
    PyThreadState state;
    View view;
    copied.flags = 0;
    if (!copy_memory(&copy, &state, (uintptr_t)own, sizeof state)) {
        seen.differs++;
        return;
    }
    view_open(&view, &state, &copy);
    int found = walk_copy(&view, &state, own, &copied, MAX_DEPTH);
    if (found == TORN) { /* so is the other, but where it tries the C frame below (3.11, 3.12) */
#ifndef HAS_CFRAME
        seen.differs += depth != TORN;
#endif
        return;
    }
    seen.copied++;
    seen.differs += found != depth || copied.flags != sample.flags || memcmp(copied.code, sample.code, (size_t)depth * sizeof *sample.code) != 0 ||
                    memcmp(copied.unit, sample.unit, (size_t)depth * sizeof *sample.unit) != 0;
}

static void note_chain(int depth) {
    uint64_t hash = 1469598103934665603u;
    for (int i = 0; i < depth; i++) {
        uintptr_t code = (uintptr_t)sample.code[i] & ~(uintptr_t)7;
        if (!is_code(code, code)) {
            seen.strange++;
            return;
        }
        hash = (hash ^ code) * 1099511628211u;
    }
    for (uint32_t at = hash % (2 * MAX_CHAINS);; at = (at + 1) % (2 * MAX_CHAINS)) {
        if (seen.slots[at] == 0) {
            if (seen.count == MAX_CHAINS) {
                seen.chains_lost++;
                return;
            }
            Chain *chain = &seen.chains[seen.count];
            seen.slots[at] = ++seen.count;
            chain->hash = hash;
            chain->count = 1;
            chain->depth = depth;
            for (int i = 0; i < depth; i++) {
                chain->code[i] = (uintptr_t)sample.code[i] & ~(uintptr_t)7;
            }
            return;
        }
        Chain *chain = &seen.chains[seen.slots[at] - 1];
        if (chain->hash == hash && chain->depth == depth) {
            chain->count++;
            return;
        }
    }
}

static void on_trap(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];
    if (!seen.on || seen.steps == seen.limit) {
        *flags &= ~TRAP_FLAG;
        return;
    }
    int former_errno = errno;
    *flags |= TRAP_FLAG;
    seen.steps++;
    sample.flags = 0;
    int depth = walk(own, &sample, MAX_DEPTH);
    if (seen.steps % 7 == 0) {
        compare_with_copy(depth);
    }
    if (depth == TORN || depth == 0) {
        seen.torn += depth == TORN;
        seen.empty += depth == 0;
        seen.torn_now++;
        seen.longest_torn = seen.torn_now > seen.longest_torn ? seen.torn_now : seen.longest_torn;
    } else {
        seen.torn_now = 0;
        note_chain(depth);
    }
    errno = former_errno;
}

static PyObject *step(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *function;
    unsigned long long limit;
    if (!PyArg_ParseTuple(args, "OK", &function, &limit)) {
        return NULL;
    }
    memset(&seen, 0, sizeof seen);
    seen.limit = limit;
    seen.chains = calloc(MAX_CHAINS, sizeof *seen.chains);
    seen.slots = calloc(2 * MAX_CHAINS, sizeof *seen.slots);
    own = PyGILState_GetThisThreadState();
    copy.pid = getpid();
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK}, former;
    sigaction(SIGTRAP, &action, &former);
    seen.on = 1;
    raise(SIGTRAP);
    PyObject *result = PyObject_CallNoArgs(function);
    seen.on = 0;
    __asm__ volatile("nop\n\tnop");
    sigaction(SIGTRAP, &former, NULL);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    PyObject *chains = PyList_New(0);
    for (uint32_t i = 0; i < seen.count; i++) {
        PyObject *names = PyTuple_New(seen.chains[i].depth);
        int whole = 1;
        for (int j = 0; j < seen.chains[i].depth; j++) {
            uintptr_t code = seen.chains[i].code[j];
            PyObject *name = Py_None;
            if (is_code(code, 0) && !code_is_stand_in((PyCodeObject *)code)) {
                name = ((PyCodeObject *)code)->co_qualname;
            } else if (!is_code(code, 0)) {
                whole = 0; /* made and freed meanwhile */
            }
            PyTuple_SET_ITEM(names, j, Py_NewRef(name));
        }
        PyObject *row = Py_BuildValue("(NK)", names, seen.chains[i].count);
        if (whole) {
            PyList_Append(chains, row);
        }
        Py_DECREF(row);
    }
    free(seen.chains);
    free(seen.slots);
    return Py_BuildValue("{sKsKsKsKsKsKsKsN}", "steps", seen.steps, "torn", seen.torn, "empty", seen.empty, "strange", seen.strange, "longest_torn",
                         seen.longest_torn, "copied", seen.copied, "differs", seen.differs, "chains", chains);
}

static PyMethodDef methods[] = {{"step", step, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_stepper", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__stepper(void) {
    return PyModule_Create(&definition);
}
