/* Fast paths of the readers, each beside a portable one that says the same. See plopi/formats/fast.py. */

#include "_fast.h"

static PyMethodDef methods[] = {
    {"pstats", fast_pstats, METH_VARARGS, "pstats(data, seed, limits, report): a pstats dump's columns, or why not."},
    {"samples", fast_samples, METH_VARARGS, "samples(data, seed, samples, frames): a pprof profile's samples, or None."},
    {"trie", fast_trie, METH_VARARGS, "trie(flat, lengths, seed, stacks): parent, location and each row's node, or None."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "plopi.formats._fast", "Fast paths of plopi's readers.", 0, methods, slots, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__fast(void) { return PyModuleDef_Init(&module); }
