/* sign_rate.c - how fast a token signs by itself: C_SignInit and C_Sign in one session of one process, with CKM_RSA_PKCS over a DigestInfo or CKM_ECDSA over
 * a digest, as the key is.
 *
 *   sign_rate MODULE TOKEN KEY-ID-HEX MILLISECONDS        PIN in the environment, PODATELNA_BENCH_PIN
 *
 * Prints "signatures seconds cpu-seconds", the last two in decimal. The lower bound of every box with that token: nothing else is done.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#include "appliance/base/clock.h"

#define SLOTS_MAX 64
#define KEY_ID_MAX_BYTES 32
#define SIGNATURE_MAX_BYTES 512
#define DIGEST_BYTES 32
#define MILLISECONDS_MAX 600000

/* DigestInfo of SHA-256 (RFC 8017, 9.2): what a CMS signature hands to the token. */
static const CK_BYTE digest_info[51] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

static CK_FUNCTION_LIST *load(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get_list = NULL;
	CK_FUNCTION_LIST *list = NULL;

	if (library == NULL) {
		return NULL;
	}
	*(void **)&get_list = dlsym(library, "C_GetFunctionList");
	return get_list != NULL && get_list(&list) == CKR_OK && list->C_Initialize(NULL) == CKR_OK ? list : NULL;
}

/* PKCS#11: blank-padded, not terminated. */
static bool says(const CK_UTF8CHAR *field, size_t size, const char *wanted)
{
	size_t length = strlen(wanted);

	return length <= size && memcmp(field, wanted, length) == 0 && (length == size || field[length] == ' ');
}

/* A token by its label, or by "serial=" and its serial number. */
static bool find_slot(CK_FUNCTION_LIST *p11, const char *name, CK_SLOT_ID *ret)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;
	CK_TOKEN_INFO info;
	bool by_serial = strncmp(name, "serial=", 7) == 0;

	if (p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK) {
		return false;
	}
	for (CK_ULONG i = 0; i < count; i++) {
		if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
		    (by_serial ? says(info.serialNumber, sizeof info.serialNumber, name + 7) : says(info.label, sizeof info.label, name))) {
			*ret = slots[i];
			return true;
		}
	}
	return false;
}

static bool find_key(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, const char *hex, CK_OBJECT_HANDLE *ret)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_BYTE id[KEY_ID_MAX_BYTES];
	CK_ATTRIBUTE wanted[] = { { CKA_CLASS, &class, sizeof class }, { CKA_ID, id, 0 } };
	CK_ULONG found = 0;
	unsigned byte = 0;

	while (wanted[1].ulValueLen < sizeof id && sscanf(hex + 2 * wanted[1].ulValueLen, "%2x", &byte) == 1) {
		id[wanted[1].ulValueLen++] = (CK_BYTE)byte;
	}
	return p11->C_FindObjectsInit(session, wanted, 2) == CKR_OK && p11->C_FindObjects(session, ret, 1, &found) == CKR_OK &&
	       p11->C_FindObjectsFinal(session) == CKR_OK && found == 1;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static bool run(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, uint64_t milliseconds)
{
	CK_KEY_TYPE type = CKK_RSA;
	CK_ATTRIBUTE wanted = { CKA_KEY_TYPE, &type, sizeof type };
	bool is_rsa = p11->C_GetAttributeValue(session, key, &wanted, 1) != CKR_OK || type == CKK_RSA;
	CK_MECHANISM mechanism = { is_rsa ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0 };
	size_t skip = is_rsa ? 0 : sizeof digest_info - DIGEST_BYTES;
	CK_BYTE signature[SIGNATURE_MAX_BYTES], data[sizeof digest_info];
	uint64_t begun = clock_mono_ms(), end = clock_deadline(milliseconds), count = 0;
	double cpu = cpu_seconds();

	memcpy(data, digest_info, sizeof data);
	while (!clock_expired(end)) {
		CK_ULONG length = sizeof signature;

		memcpy(data + sizeof data - sizeof count, &count, sizeof count);
		if (p11->C_SignInit(session, &mechanism, key) != CKR_OK ||
		    p11->C_Sign(session, data + skip, sizeof data - skip, signature, &length) != CKR_OK) {
			return false;
		}
		count++;
	}
	(void)printf("%llu %.3f %.6f\n", (unsigned long long)count, (double)(clock_mono_ms() - begun) / 1e3, cpu_seconds() - cpu);
	return true;
}

int main(int count, char **words)
{
	const char *pin = getenv("PODATELNA_BENCH_PIN");
	CK_FUNCTION_LIST *p11 = NULL;
	CK_SLOT_ID slot = 0;
	CK_SESSION_HANDLE session = 0;
	CK_OBJECT_HANDLE key = 0;
	long milliseconds = count == 5 ? strtol(words[4], NULL, 10) : 0;

	if (milliseconds <= 0 || milliseconds > MILLISECONDS_MAX || pin == NULL) {
		(void)fprintf(stderr, "sign_rate MODULE TOKEN KEY-ID-HEX MILLISECONDS, with PODATELNA_BENCH_PIN\n");
		return 2;
	}
	p11 = load(words[1]);
	if (p11 == NULL || !find_slot(p11, words[2], &slot) || p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session) != CKR_OK) {
		(void)fprintf(stderr, "sign_rate: no token %s behind %s\n", words[2], words[1]);
		return 1;
	}
	if (p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin, strlen(pin)) != CKR_OK || !find_key(p11, session, words[3], &key)) {
		(void)fprintf(stderr, "sign_rate: no login, or no key %s\n", words[3]);
		return 1;
	}
	if (!run(p11, session, key, (uint64_t)milliseconds)) {
		(void)fprintf(stderr, "sign_rate: the token does not sign\n");
		return 1;
	}
	(void)p11->C_Finalize(NULL);
	return 0;
}
