/* The walk: from a thread state to code pointers and instructions, on the thread itself, at any instruction.

   Nothing that is read here is trusted. A frame pointer is followed only when
   - it lies in the thread's own data stack, below its top and below the frame that led to it: that memory is mapped; or
   - the kernel says that the memory can be read (generators' frames live on the heap, entries on the C stack): rt_sigprocmask with
     an impossible `how` copies eight bytes in, then fails with EINVAL where it could and EFAULT where it could not, and changes nothing.
   Code objects are not looked at here at all; the drain does that, with the GIL. A chain that is not whole (a frame is being pushed or
   popped at this very instruction) is refused: its time goes to the thread's next sample.
   The same walk serves for another thread's stack (_sampler_outside.h), of copies that the kernel makes. */

#ifndef PLOPI_SAMPLER_WALK_H
#define PLOPI_SAMPLER_WALK_H

#include "_sampler_frames.h"
#include "_sampler_pool.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define TORN (-1)
#define PAGES 4
#define FRAME_HEAD offsetof(Frame, localsplus)

/* Another thread's memory, copied: its data stack at once, what else a walk needs one by one. */
#define COPY_BYTES (16 * 1024)

typedef struct {
    pid_t pid;
    uintptr_t begin, end; /* what `bytes` holds */
    char bytes[COPY_BYTES] __attribute__((aligned(16)));
    char other[256] __attribute__((aligned(16)));
} Copy;

typedef struct {
    uintptr_t page[PAGES]; /* known to be readable, during this walk */
    unsigned pages;
    Copy *copy; /* of another thread's memory; NULL: the memory is the calling thread's own */
    uintptr_t chunk, older;
    size_t size;
    uintptr_t low, high; /* live part of that chunk; high comes down with the walk */
} View;

/* Copies memory of this process, or fails where it is gone: no fault either way. */
static int copy_memory(const Copy *copy, void *to, uintptr_t from, size_t size) {
    struct iovec here = {to, size}, there = {(void *)from, size};
    return syscall(SYS_process_vm_readv, copy->pid, &here, 1L, &there, 1L, 0L) == (long)size;
}

/* What stands at an address: there, or a copy of it, which holds until the next is asked for. NULL where there is none. */
static const void *bytes_at(View *view, uintptr_t address, size_t size) {
    Copy *copy = view->copy;
    if (copy == NULL) {
        return (const void *)address;
    }
    if (address >= copy->begin && address + size <= copy->end) {
        return copy->bytes + (address - copy->begin);
    }
    return size <= sizeof copy->other && copy_memory(copy, copy->other, address, size) ? copy->other : NULL;
}

/* Whether the page can be read in which these eight bytes lie. They are what is asked about, not the page's first: with memory tagging
   (AArch64: glibc.mem.tagging) an address has the tag of its own object, and reads no other. */
static int page_is_readable(View *view, uintptr_t bytes) {
    uintptr_t page = bytes & ~(uintptr_t)4095;
    if (page == 0) { /* never mapped, and what an unused entry holds */
        return 0;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        if (view->page[i] == page) {
            return 1;
        }
    }
    if (syscall(SYS_rt_sigprocmask, ~0, (void *)bytes, NULL, (size_t)8) != -1 || errno == EFAULT) {
        return 0;
    }
    view->page[view->pages++ % PAGES] = page;
    return 1;
}

/* Of memory aligned to eight bytes, and a multiple of eight in size. */
static int is_readable(View *view, const void *start, size_t size) {
    uintptr_t first = (uintptr_t)start, last = first + size - 8;
    return page_is_readable(view, first) && ((first ^ last) < 4096 || page_is_readable(view, last));
}

static int is_aligned(const void *pointer) {
    return ((uintptr_t)pointer & (sizeof(void *) - 1)) == 0;
}

#define CHUNK_HEAD offsetof(_PyStackChunk, data)

/* A chunk with its live part, which ends at `top`, or where the chunk itself says (0). None where that cannot be: while a chunk is being
   pushed or popped the top lies in another one. */
static int enter_chunk(View *view, uintptr_t chunk, uintptr_t top) {
    const _PyStackChunk *head = bytes_at(view, chunk, CHUNK_HEAD);
    if (head == NULL) {
        return 0;
    }
    view->chunk = chunk;
    view->older = (uintptr_t)head->previous;
    view->size = head->size;
    view->low = chunk + CHUNK_HEAD;
    if (top == 0 && head->top <= head->size / sizeof(PyObject *)) {
        top = view->low + head->top * sizeof(PyObject *);
    }
    view->high = top >= view->low && top <= chunk + view->size ? top : view->low;
    Copy *copy = view->copy;
    if (copy != NULL) {
        uintptr_t begin = view->high - view->low > COPY_BYTES ? view->high - COPY_BYTES : view->low;
        int copied = copy_memory(copy, copy->bytes, begin, view->high - begin);
        copy->begin = begin;
        copy->end = copied ? view->high : begin;
    }
    return 1;
}

static void view_open(View *view, const PyThreadState *thread, Copy *copy) {
    memset(view, 0, sizeof *view);
    view->copy = copy;
    if (copy != NULL) {
        copy->begin = copy->end = 0;
    }
    if (thread->datastack_chunk != NULL) {
        enter_chunk(view, (uintptr_t)thread->datastack_chunk, thread->datastack_top == NULL ? 1 : (uintptr_t)thread->datastack_top);
    }
}

/* Whether a frame lies in the data stack (1), in a part of it that is no longer live (TORN), or elsewhere (0). */
static int in_data_stack(View *view, uintptr_t frame) {
    if (view->chunk == 0) {
        return 0;
    }
    if (frame >= view->low && frame + FRAME_HEAD <= view->high) {
        view->high = frame;
        return 1;
    }
    if (frame >= view->chunk && frame < view->chunk + view->size) {
        return TORN;
    }
    uintptr_t older = view->older;
    const _PyStackChunk *head = older != 0 ? bytes_at(view, older, CHUNK_HEAD) : NULL;
    if (head == NULL || frame < older || frame >= older + head->size) {
        return 0;
    }
    if (!enter_chunk(view, older, 0) || frame < view->low || frame + FRAME_HEAD > view->high) {
        return TORN;
    }
    view->high = frame;
    return 1;
}

/* The frame, or its copy; NULL where it may not be looked at. */
static const Frame *follow(View *view, const Frame *frame) {
    if (!is_aligned(frame)) {
        return NULL;
    }
    int place = in_data_stack(view, (uintptr_t)frame);
    if (view->copy != NULL) {
        return place == TORN ? NULL : bytes_at(view, (uintptr_t)frame, FRAME_HEAD);
    }
    return place == 1 || (place == 0 && is_readable(view, frame, FRAME_HEAD)) ? frame : NULL;
}

/* Fills in code, unit, depth and flags; returns the depth or TORN. `outer`, where not NULL, is what the first entry must lead to. */
MAY_BE_GONE static int walk_chain(View *view, const Frame *at, const Frame *const *outer, Sample *sample, int max_depth) {
    int depth = 0, steps = 0, entry = 1;
    unsigned callee = 0; /* CALLS_PYTHON: the frame before lies on this one with no C function between them */
    for (const Frame *frame; at != NULL; at = frame->previous) {
        frame = follow(view, at);
        if (frame == NULL || !frame_owner_is_known(frame) || ++steps > 4 * MAX_DEPTH) {
            return TORN;
        }
        entry = frame_is_entry(frame);
        if (entry && outer != NULL) {
            if (frame->previous != *outer) {
                return TORN;
            }
            outer = NULL;
        }
        if (frame_is_shell(frame)) {
            callee = 0;
            continue;
        }
        if (depth == max_depth) {
            sample->flags |= TRUNCATED;
            return sample->depth = (uint16_t)depth;
        }
        uintptr_t code = frame_code(frame);
        intptr_t unit = code != 0 ? frame_unit(frame, code) : -2;
        if (code == 0 || (code & (sizeof(void *) - 1)) || unit < -1 || unit > INT32_MAX) {
            return TORN;
        }
        sample->code[depth] = code | (frame_is_generator(frame) ? OF_GENERATOR : 0u) | callee;
        callee = entry ? 0 : CALLS_PYTHON;
        sample->unit[depth++] = (int32_t)unit;
    }
    /* the root-most frame is an entry, else a link was missing; and the entry that `outer` speaks of must have been met */
    return entry && outer == NULL ? (sample->depth = (uint16_t)depth) : TORN;
}

#ifdef HAS_CFRAME

/* The newest cframe may not be filled in yet: it is believed when its first entry leads to where the one below it stands. If it does
   not, the callee is only being entered, and the caller's cframe has the stack as it was. */
MAY_BE_GONE static int walk(PyThreadState *thread, Sample *sample, int max_depth) {
    View view;
    view_open(&view, thread, NULL);
    _PyCFrame *cframe = thread->cframe;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (cframe == &thread->root_cframe) {
            return walk_chain(&view, cframe->current_frame, NULL, sample, max_depth);
        }
        if (cframe == NULL || !is_aligned(cframe) || !is_readable(&view, cframe, sizeof *cframe)) {
            return TORN;
        }
        _PyCFrame *below = cframe->previous;
        if (below == NULL || (below != &thread->root_cframe && (!is_aligned(below) || !is_readable(&view, below, sizeof *below)))) {
            return TORN;
        }
        const Frame *outer = below->current_frame;
        int depth = walk_chain(&view, cframe->current_frame, &outer, sample, max_depth);
        if (depth != TORN) {
            return depth;
        }
        sample->flags = 0;
        view_open(&view, thread, NULL);
        cframe = below;
    }
    return TORN;
}

#else

MAY_BE_GONE static int walk(PyThreadState *thread, Sample *sample, int max_depth) {
    View view;
    view_open(&view, thread, NULL);
    return walk_chain(&view, thread->current_frame, NULL, sample, max_depth);
}

#endif
#endif
