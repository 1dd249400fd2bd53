/* store_fault.h - what a test and its podatelna-store share (a mapped file): which call of the table of file operations is to fail, and what came of it. */
#ifndef TESTS_UNIT_STORE_FAULT_H
#define TESTS_UNIT_STORE_FAULT_H

#define STORE_FAULT_VARIABLE "STORE_FAULT_FILE"

enum store_fault_kind {
	STORE_FAULT_NONE,
	STORE_FAULT_EIO,    /* any call */
	STORE_FAULT_ENOSPC, /* calls that need room */
	STORE_FAULT_SHORT,  /* writes: half of it is written, and the rest of the disk is full from then on for one more call */
	STORE_FAULT_MEMORY, /* the first call from the n-th place in the program that asks for memory, a descriptor or random bytes */
	STORE_FAULT_CRYPTO, /* the same for places that call libcrypto */
};

struct store_fault {
	enum store_fault_kind kind;
	long countdown; /* the n-th call of those that the kind is about fails */
	long calls;     /* of those, so far */
	int fired;
	char what[24]; /* name of the call that failed */
};

/* For store_fault_calls.c: true when the call from `site` is the one to fail. */
_Bool store_fault_at(const char *what, enum store_fault_kind kind, const void *site);

#endif
