/* filter.c - a PKCS#11 module for tests: SoftHSM behind it, and in front of it the refusals of devices that let nobody use a key raw.
 *
 *   FILTER_REAL=PATH        the module behind (SoftHSM where it usually stands)
 *   FILTER_REFUSE=WORDS     mechanisms that the token lacks: raw (CKM_RSA_X_509), pkcs1, pss, oaep, ecdsa, ecdh, divided by blanks; "raw" when it is not set. They are
 *                           missing from C_GetMechanismList, and each Init and C_DeriveKey with one fails with CKR_MECHANISM_INVALID
 *   FILTER_STALE=N          the Nth C_SignInit and the Nth C_DecryptInit fail once with CKR_KEY_HANDLE_INVALID, as after a card was reset
 *   FILTER_LOG=PATH         each Init and C_DeriveKey adds a line "<call> <mechanism> <ok|refused>"; the file is opened when the module is loaded
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#ifndef FILTER_DEFAULT_REAL
#define FILTER_DEFAULT_REAL "/usr/lib/softhsm/libsofthsm2.so"
#endif

static CK_FUNCTION_LIST mine;
static CK_FUNCTION_LIST *real;
static int log_fd = -1;

static const struct mechanism {
	CK_MECHANISM_TYPE type;
	const char *word, *name;
} mechanisms[] = {
	{ CKM_RSA_X_509, "raw", "CKM_RSA_X_509" },          { CKM_RSA_PKCS, "pkcs1", "CKM_RSA_PKCS" }, { CKM_RSA_PKCS_PSS, "pss", "CKM_RSA_PKCS_PSS" },
	{ CKM_RSA_PKCS_OAEP, "oaep", "CKM_RSA_PKCS_OAEP" }, { CKM_ECDSA, "ecdsa", "CKM_ECDSA" },       { CKM_ECDH1_DERIVE, "ecdh", "CKM_ECDH1_DERIVE" },
};

static const struct mechanism *find(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++) {
		if (mechanisms[i].type == type) {
			return &mechanisms[i];
		}
	}
	return NULL;
}

static bool is_refused(CK_MECHANISM_TYPE type)
{
	const struct mechanism *mechanism = find(type);
	const char *words = getenv("FILTER_REFUSE"), *place = NULL;
	size_t length = mechanism == NULL ? 0 : strlen(mechanism->word);

	words = words == NULL ? "raw" : words;
	for (place = words; mechanism != NULL && (place = strstr(place, mechanism->word)) != NULL; place += length) {
		if ((place == words || place[-1] == ' ') && (place[length] == '\0' || place[length] == ' ')) {
			return true;
		}
	}
	return false;
}

/* Writes what was asked for, and says whether it is refused. */
static bool judge(const char *call, const CK_MECHANISM *asked)
{
	const struct mechanism *mechanism = find(asked->mechanism);
	bool refused = is_refused(asked->mechanism);
	char line[128];
	int length = 0;

	if (mechanism != NULL) {
		length = snprintf(line, sizeof line, "%s %s %s\n", call, mechanism->name, refused ? "refused" : "ok");
	} else {
		length = snprintf(line, sizeof line, "%s 0x%lx ok\n", call, (unsigned long)asked->mechanism);
	}
	if (log_fd >= 0 && length > 0) {
		ssize_t ignored = write(log_fd, line, (size_t)length);

		(void)ignored;
	}
	return refused;
}

/* Counts the calls of one kind. */
static bool is_stale(long *count)
{
	const char *text = getenv("FILTER_STALE");

	return text != NULL && ++*count == strtol(text, NULL, 10);
}

static CK_RV filter_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	static long count;

	if (is_stale(&count)) {
		return CKR_KEY_HANDLE_INVALID;
	}
	return judge("C_SignInit", mechanism) ? CKR_MECHANISM_INVALID : real->C_SignInit(session, mechanism, key);
}

static CK_RV filter_decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	static long count;

	if (is_stale(&count)) {
		return CKR_KEY_HANDLE_INVALID;
	}
	return judge("C_DecryptInit", mechanism) ? CKR_MECHANISM_INVALID : real->C_DecryptInit(session, mechanism, key);
}

static CK_RV filter_derive(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base, CK_ATTRIBUTE *template, CK_ULONG count,
                           CK_OBJECT_HANDLE *key)
{
	return judge("C_DeriveKey", mechanism) ? CKR_MECHANISM_INVALID : real->C_DeriveKey(session, mechanism, base, template, count, key);
}

static CK_RV filter_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	CK_ULONG have = 0, room = *count, kept = 0;
	CK_MECHANISM_TYPE *all = NULL;
	CK_RV rv = real->C_GetMechanismList(slot, NULL, &have);

	all = rv == CKR_OK ? calloc(have + 1, sizeof *all) : NULL;
	if (all == NULL) {
		return rv == CKR_OK ? CKR_HOST_MEMORY : rv;
	}
	rv = real->C_GetMechanismList(slot, all, &have);
	for (CK_ULONG i = 0; rv == CKR_OK && i < have; i++) {
		if (!is_refused(all[i])) {
			all[kept++] = all[i];
		}
	}
	if (rv == CKR_OK) {
		*count = kept;
		if (list != NULL && room < kept) {
			rv = CKR_BUFFER_TOO_SMALL;
		} else if (list != NULL) {
			memcpy(list, all, kept * sizeof *all);
		}
	}
	free(all);
	return rv;
}

static CK_RV filter_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	return is_refused(type) ? CKR_MECHANISM_INVALID : real->C_GetMechanismInfo(slot, type, info);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *path = getenv("FILTER_REAL"), *log = getenv("FILTER_LOG");
	void *library = dlopen(path != NULL ? path : FILTER_DEFAULT_REAL, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get_list = NULL;

	if (library == NULL) {
		return CKR_GENERAL_ERROR;
	}
	*(void **)&get_list = dlsym(library, "C_GetFunctionList");
	if (get_list == NULL || get_list(&real) != CKR_OK) {
		return CKR_GENERAL_ERROR;
	}
	if (log != NULL && log_fd < 0) {
		log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	}
	mine = *real;
	mine.C_GetFunctionList = C_GetFunctionList;
	mine.C_GetMechanismList = filter_list;
	mine.C_GetMechanismInfo = filter_info;
	mine.C_SignInit = filter_sign_init;
	mine.C_DecryptInit = filter_decrypt_init;
	mine.C_DeriveKey = filter_derive;
	*list = &mine;
	return CKR_OK;
}
