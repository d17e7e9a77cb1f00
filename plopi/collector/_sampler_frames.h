/* Everything that differs between the CPythons whose frames the sampler walks, and why it is so in each.

   What the walk relies on, and where CPython's source shows it (file names are of the CPython tree):

   - A thread's frames hang on its thread state: 3.11 and 3.12 on `tstate->cframe->current_frame`, where the _PyCFrame lives
     on the C stack of the running _PyEval_EvalFrameDefault (Python/ceval.c, "Push frame"); from 3.13 on `tstate->current_frame`.
   - `previous` leads to the caller. Each evaluation that C code starts has an *entry*: 3.11 marks the frame itself
     (`is_entry`); from 3.12 a frame of no code lies on the C stack between caller and callee (`entry_frame`, owner
     FRAME_OWNED_BY_CSTACK; 3.14 calls it FRAME_OWNED_BY_INTERPRETER). The root-most frame is always an entry, whose `previous`
     is NULL; 3.15 puts one more below it, in the thread state (FRAME_OWNED_BY_THREAD_STATE).
   - The code object is `f_code` (3.11, 3.12), `f_executable` (3.13), and from 3.14 a tagged reference of that name
     (Include/internal/pycore_stackref.h): the low bits tell only whether the frame counts as an owner.
   - The saved instruction is the code unit before the next one (3.11, 3.12: `prev_instr`, stored at the start of every
     instruction by INSTRUCTION_START) or the one being executed (3.13 on: `instr_ptr`). Either lies within the
     instruction or its inline cache, so either gives the line; it is one less than the first unit in a frame that has not begun.
   - A frame is unlinked before it is cleared (gh-99729, in 3.11.1, 3.12 and later), so a linked frame holds its code object.
     The one exception is RETURN_GENERATOR, which pops the frame from the data stack a few instructions before it unlinks it:
     such a frame lies at or above `datastack_top`, which is how the walk knows it. */

#ifndef PLOPI_SAMPLER_FRAMES_H
#define PLOPI_SAMPLER_FRAMES_H

#define Py_BUILD_CORE 1
#include <Python.h>

#if PY_VERSION_HEX < 0x030B0200 || PY_VERSION_HEX >= 0x03100000
#error "plopi's native engine is made for CPython 3.11.2 to 3.15; elsewhere the Python engine is used"
#endif
#ifdef Py_GIL_DISABLED
#error "plopi's native engine needs the global interpreter lock; in free-threaded builds the Python engine is used"
#endif

#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#include <internal/pycore_interp_structs.h>
#else
#include <internal/pycore_frame.h>
#include <internal/pycore_interp.h>
#endif
#include <internal/pycore_code.h>
#include <opcode.h>
#undef Py_BUILD_CORE

#if defined(Py_STACKREF_DEBUG) && PY_VERSION_HEX >= 0x030E0000
#error "plopi's native engine cannot read the frames of a build with Py_STACKREF_DEBUG"
#endif

typedef struct _PyInterpreterFrame Frame;

/* -- the top of the chain ------------------------------------------------------------------------------------------- */

/* 3.11 and 3.12 link a _PyCFrame before they fill in its current_frame (Python/ceval.c: `tstate->cframe = &cframe;` comes some
   stores before `cframe.current_frame = frame;`), so the newest one may hold whatever the C stack held before. */
#if PY_VERSION_HEX < 0x030D0000
#define HAS_CFRAME 1
#endif

/* Of functions that may read a frame or an object which is gone, and judge afterwards whether it was one: that its memory is mapped is known,
   and the address sanitizer is not to take it for a fault. */
#define MAY_BE_GONE __attribute__((no_sanitize_address))

/* -- one frame ------------------------------------------------------------------------------------------------------ */

/* Frames without code of their own: entries on the C stack and, in 3.15, the thread state's base frame. */
MAY_BE_GONE static inline int frame_is_shell(const Frame *f) {
#if PY_VERSION_HEX < 0x030C0000
    (void)f;
    return 0;
#else
    return f->owner >= 3; /* FRAME_OWNED_BY_CSTACK, _INTERPRETER, _THREAD_STATE: `enum _frameowner` */
#endif
}

/* Where one evaluation begins: below it the chain belongs to an outer one. */
MAY_BE_GONE static inline int frame_is_entry(const Frame *f) {
#if PY_VERSION_HEX < 0x030C0000
    return *(const unsigned char *)&f->is_entry != 0; /* what is gone may be no _Bool */
#else
    return frame_is_shell(f);
#endif
}

MAY_BE_GONE static inline int frame_owner_is_known(const Frame *f) {
    /* a plain char has no sign on AArch64; a frame object's own is never on a chain */
    return (unsigned char)f->owner <= 4 && f->owner != FRAME_OWNED_BY_FRAME_OBJECT;
}

MAY_BE_GONE static inline int frame_is_generator(const Frame *f) {
    return f->owner == FRAME_OWNED_BY_GENERATOR;
}

MAY_BE_GONE static inline uintptr_t frame_code(const Frame *f) {
#if PY_VERSION_HEX < 0x030D0000
    return (uintptr_t)f->f_code;
#elif PY_VERSION_HEX < 0x030E0000
    return (uintptr_t)f->f_executable;
#else
    return (uintptr_t)f->f_executable.bits & ~(uintptr_t)Py_TAG_BITS;
#endif
}

/* The saved instruction as a code unit's index; reads the frame only, never the code object. */
MAY_BE_GONE static inline intptr_t frame_unit(const Frame *f, uintptr_t code) {
#if PY_VERSION_HEX < 0x030D0000
    uintptr_t instruction = (uintptr_t)f->prev_instr;
#else
    uintptr_t instruction = (uintptr_t)f->instr_ptr;
#endif
    return ((intptr_t)instruction - (intptr_t)(code + offsetof(PyCodeObject, co_code_adaptive))) / (intptr_t)sizeof(_Py_CODEUNIT);
}

/* -- thread states ---------------------------------------------------------------------------------------------------- */

/* The thread state that holds the GIL as this thread sees it: itself or not is all that is asked. */
static inline PyThreadState *running_thread_state(void) {
#if PY_VERSION_HEX < 0x030D0000
    return _PyThreadState_UncheckedGet();
#else
    return PyThreadState_GetUnchecked();
#endif
}

/* Whether a thread state, of which `state` is the thread's own or a copy, is the one that holds the GIL in its thread: 3.11 has one for the
   process, later ones keep a flag in each (Python/pystate.c, tstate_activate). */
static inline int state_is_running(const PyThreadState *state, const PyThreadState *address) {
#if PY_VERSION_HEX < 0x030C0000
    (void)state;
    return _PyThreadState_UncheckedGet() == address;
#else
    (void)address;
    return state->_status.active;
#endif
}

/* Whether the thread of a thread state, or of a copy, has begun. Whoever starts a thread makes its state: in 3.11 with the number of the starting
   thread in it and no use counted; from 3.12 on, where new states count as used, without a number (Python/pystate.c: new_threadstate,
   bind_tstate; Modules/_threadmodule.c: thread_run). */
static inline int has_begun(const PyThreadState *state) {
    return state->gilstate_counter != 0 && state->native_thread_id != 0;
}

/* `collecting` is an int of the interpreter's GC state in every version (Include/internal/pycore_gc.h). */
static inline int collecting_garbage(PyInterpreterState *interp) {
    return *(volatile int *)&interp->gc.collecting;
}

/* -- code objects ----------------------------------------------------------------------------------------------------- */

/* Stand-ins of the interpreter (3.12 on: _Py_InitCleanup and the interpreter's trampoline) are no functions of anybody's:
   code in which no unit is ever traceable, or only the last (3.12's trampoline ends in its RESUME; a function's is followed by a return). */
static inline int code_is_stand_in(PyCodeObject *code) {
    return code->_co_firsttraceable >= Py_SIZE(code) - 1;
}

/* -- instructions: which of them run native code ------------------------------------------------------------------------ */

/* An instruction as it is being executed now: the interpreter writes faster forms of it over it (Include/internal/pycore_code.h). */
static inline int instruction_now(PyCodeObject *code, uint32_t unit) {
#if PY_VERSION_HEX < 0x030C0000
    return _Py_OPCODE(_PyCode_CODE(code)[unit]);
#else
    return _PyCode_CODE(code)[unit].op.code;
#endif
}

/* Not one of the forms that work on the interpreter's own small types in place: as compiled, as before its first specialisation (3.11), or
   under sys.monitoring (from 3.12). */
static inline int is_general_form(int compiled, int now) {
#if PY_VERSION_HEX >= 0x030F0000
    if (now == BINARY_OP_EXTEND) { /* also lists, tuples and bytes */
        return 1;
    }
#endif
#if PY_VERSION_HEX < 0x030C0000
    return now == compiled || now == BINARY_OP_ADAPTIVE || now == BINARY_SUBSCR_ADAPTIVE || now == COMPARE_OP_ADAPTIVE ||
           now == STORE_SUBSCR_ADAPTIVE;
#else
    return now == compiled || now >= MIN_INSTRUMENTED_OPCODE;
#endif
}

/* A call that the interpreter knows to be of a Python function: the callee gets a frame, and until then there is only bookkeeping. */
static inline int is_call_of_python(int now) {
    switch (now) {
    case CALL_PY_EXACT_ARGS:
#if PY_VERSION_HEX < 0x030C0000
    case PRECALL: /* what these prepare is done by the CALL that follows; the other PRECALLs do it themselves (Python/ceval.c, 3.11) */
    case PRECALL_ADAPTIVE:
    case PRECALL_BOUND_METHOD:
    case PRECALL_PYFUNC:
#else
    case CALL_BOUND_METHOD_EXACT_ARGS:
#endif
#if PY_VERSION_HEX < 0x030D0000
    case CALL_PY_WITH_DEFAULTS:
#else
    case CALL_ALLOC_AND_ENTER_INIT:
    case CALL_BOUND_METHOD_GENERAL:
    case CALL_PY_GENERAL:
#endif
#if PY_VERSION_HEX >= 0x030E0000
    case CALL_KW_BOUND_METHOD:
    case CALL_KW_PY:
#endif
#if PY_VERSION_HEX >= 0x030F0000
    case CALL_EX_PY:
#endif
        return 1;
    default:
        return 0;
    }
}

/* Whether an instruction, by its compiled form (0 where the unit is an inline cache) and its present one, runs native code: it calls
   something that is not known to be a Python function, or applies an operator, in the form for objects of any type. */
static inline int runs_native_code(int compiled, int now) {
    switch (compiled) {
    case CALL:
    case CALL_FUNCTION_EX:
#if PY_VERSION_HEX < 0x030C0000
    case PRECALL:
#endif
#if PY_VERSION_HEX >= 0x030D0000
    case CALL_KW:
#endif
        return !is_call_of_python(now);
    case BINARY_OP:
    case COMPARE_OP:
    case CONTAINS_OP:
    case STORE_SUBSCR:
    case DELETE_SUBSCR:
    case UNARY_NEGATIVE:
    case UNARY_INVERT:
    case LIST_EXTEND:
    case SET_UPDATE:
    case DICT_MERGE:
    case DICT_UPDATE:
#if PY_VERSION_HEX < 0x030E0000 /* 3.14 made it a BINARY_OP */
    case BINARY_SUBSCR:
#endif
#if PY_VERSION_HEX >= 0x030C0000 /* 3.11 has the general form for ranges and lists, too */
    case FOR_ITER:
    case BINARY_SLICE:
    case STORE_SLICE:
#endif
        return is_general_form(compiled, now);
    default:
        return 0;
    }
}

/* From 3.12 the interpreter tells when a code object dies; 3.11 has no such hook, so there tp_dealloc is wrapped. */
#if PY_VERSION_HEX >= 0x030C0000
#define HAS_CODE_WATCHERS 1
#endif

#endif
