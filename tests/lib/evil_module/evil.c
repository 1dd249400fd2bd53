/* evil.c - a PKCS#11 module for tests: SoftHSM behind it, and misbehaviour in front, chosen by the environment.
 *
 *   EVIL_REAL=PATH          the module behind (SoftHSM where it usually stands)
 *   EVIL_PROBE=1            in the first C_Login and the first C_SignInit, that is from inside the sandbox: tries a network socket, an AF_UNIX socket,
 *                           writing to /tmp, the working directory and EVIL_WRITE, reading EVIL_READ, connecting to EVIL_CONNECT, fork and exec
 *   EVIL_WRITE, EVIL_READ, EVIL_CONNECT=PATH[:PATH...]   directories or files; files; sockets
 *   EVIL_SIGN=hang|crash|flip|fail   what C_Sign does: never returns, dies, one bit of the signature is wrong, CKR_FUNCTION_FAILED
 *   EVIL_WHEN=PATH          EVIL_SIGN counts only while that file exists
 *   EVIL_SIGN_MS=N          each C_Sign takes N milliseconds in all, as a card does, and says when it began
 *   EVIL_NO_RAW_RSA=1       CKM_RSA_X_509 is refused, as many qualified devices do
 *   EVIL_FLAGS=final-try|count-low|locked   what the token says of its PIN
 *   EVIL_GONE=PATH          while that file exists the token is removed
 *   EVIL_REFUSE=PATH        while that file exists every PIN is refused
 *   EVIL_PINPAD=ok|cancel|refuse|hang   the token says that the reader has a pin pad; what happens when the PIN shall be entered there (ok: EVIL_PIN is
 *                           what a person enters); a PIN that comes with the call works as ever
 *   EVIL_REMOVABLE=1        the slot says that its token can be removed
 *
 * Results are lines on standard error, each in one write:
 *   evil: C_Login                       for each call with CKU_USER
 *   evil: C_Sign <milliseconds>         with EVIL_SIGN_MS: beginning of each signature, on the monotonic clock
 *   evil: probe <what> <path>: refused <errno>    or    evil: probe <what> <path>: ALLOWED
 *   evil: probe done
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CRYPTOKI_COMPAT 1
#include <p11-kit/pkcs11.h>

#ifndef EVIL_DEFAULT_REAL
#define EVIL_DEFAULT_REAL "/usr/lib/softhsm/libsofthsm2.so"
#endif

static CK_FUNCTION_LIST mine;
static CK_FUNCTION_LIST *real;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char line[600];
	va_list arguments;
	int length = 0;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	if (length > 0) {
		ssize_t ignored = write(STDERR_FILENO, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);

		(void)ignored;
	}
}

static bool switched(const char *name, const char *value)
{
	const char *found = getenv(name);

	return found != NULL && strcmp(found, value) == 0;
}

static bool exists(const char *name)
{
	const char *path = getenv(name);

	return path != NULL && access(path, F_OK) == 0;
}

static bool is_gone(void)
{
	return exists("EVIL_GONE");
}

/* --- probes --- */

static void report(const char *what, const char *path, bool allowed, int error)
{
	if (allowed) {
		say("evil: probe %s %s: ALLOWED\n", what, path);
	} else {
		say("evil: probe %s %s: refused %d\n", what, path, error);
	}
}

static void probe_socket(const char *name, int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	report("socket", name, fd >= 0, errno);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void probe_write(const char *path)
{
	char file[512];
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 && errno == EISDIR) {
		(void)snprintf(file, sizeof file, "%s/evil-probe", path);
		fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	}
	report("write", path, fd >= 0, errno);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void probe_read(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	report("read", path, fd >= 0, errno);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void probe_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool allowed = false;

	(void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	allowed = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
	report("connect", path, allowed, errno);
	if (fd >= 0) {
		(void)close(fd);
	}
}

static void probe_each(const char *variable, void (*probe)(const char *))
{
	const char *list = getenv(variable);
	char *copy = list != NULL ? strdup(list) : NULL;
	char *rest = copy;
	char *path = NULL;

	while (rest != NULL && (path = strsep(&rest, ":")) != NULL) {
		if (path[0] != '\0') {
			probe(path);
		}
	}
	free(copy);
}

static void probe_processes(void)
{
	char *const arguments[] = { (char *)"true", NULL };
	pid_t child = fork();

	if (child == 0) {
		_exit(0);
	}
	report("fork", "-", child > 0, errno);
	if (child > 0) {
		(void)waitpid(child, NULL, 0);
	}
	/* Where this succeeds the process is gone, which no test will overlook. */
	(void)execv("/bin/true", arguments);
	report("exec", "/bin/true", false, errno);
	report("kill", "parent", kill(getppid(), 0) == 0, errno);
}

static void probe(void)
{
	probe_socket("inet", AF_INET);
	probe_socket("inet6", AF_INET6);
	probe_socket("unix", AF_UNIX);
	probe_socket("netlink", AF_NETLINK);
	probe_write("/tmp");
	probe_write(".");
	probe_each("EVIL_WRITE", probe_write);
	probe_each("EVIL_READ", probe_read);
	probe_each("EVIL_CONNECT", probe_connect);
	probe_processes();
	say("evil: probe done\n");
}

static void probe_once(bool *done)
{
	if (switched("EVIL_PROBE", "1") && !*done) {
		*done = true;
		probe();
	}
}

/* --- functions in front --- */

/* A person at the reader. */
static CK_RV login_at_pad(CK_SESSION_HANDLE session, CK_USER_TYPE user)
{
	char *pin = getenv("EVIL_PIN");

	say("evil: pin pad\n");
	while (switched("EVIL_PINPAD", "hang")) {
		(void)sleep(1);
	}
	if (switched("EVIL_PINPAD", "ok") && pin != NULL) {
		return real->C_Login(session, user, (CK_UTF8CHAR *)pin, strlen(pin));
	}
	return switched("EVIL_PINPAD", "refuse") ? CKR_PIN_INCORRECT : CKR_FUNCTION_CANCELED;
}

static CK_RV evil_login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG length)
{
	static bool probed;

	if (user == CKU_USER) {
		say("evil: C_Login\n");
		probe_once(&probed);
	}
	if (is_gone()) {
		return CKR_DEVICE_REMOVED;
	}
	if (exists("EVIL_REFUSE")) {
		return CKR_PIN_INCORRECT;
	}
	return pin == NULL && getenv("EVIL_PINPAD") != NULL ? login_at_pad(session, user) : real->C_Login(session, user, pin, length);
}

static CK_RV evil_sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	static bool probed;

	probe_once(&probed);
	if (mechanism->mechanism == CKM_RSA_X_509 && switched("EVIL_NO_RAW_RSA", "1")) {
		return CKR_MECHANISM_INVALID;
	}
	return is_gone() ? CKR_DEVICE_REMOVED : real->C_SignInit(session, mechanism, key);
}

static CK_RV evil_decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	if (mechanism->mechanism == CKM_RSA_X_509 && switched("EVIL_NO_RAW_RSA", "1")) {
		return CKR_MECHANISM_INVALID;
	}
	return is_gone() ? CKR_DEVICE_REMOVED : real->C_DecryptInit(session, mechanism, key);
}

/* The end of a signature that begins now, when EVIL_SIGN_MS asks for one; a card's time is from command to answer, whatever the machine does meanwhile. */
static bool slow_end(struct timespec *ret)
{
	const char *text = getenv("EVIL_SIGN_MS");
	long ms = text != NULL ? strtol(text, NULL, 10) : 0;

	if (ms <= 0 || clock_gettime(CLOCK_MONOTONIC, ret) != 0) {
		return false;
	}
	say("evil: C_Sign %lld\n", (long long)ret->tv_sec * 1000 + ret->tv_nsec / 1000000);
	ret->tv_sec += ms / 1000;
	ret->tv_nsec += ms % 1000 * 1000000;
	if (ret->tv_nsec >= 1000000000) {
		ret->tv_sec++;
		ret->tv_nsec -= 1000000000;
	}
	return true;
}

static CK_RV evil_sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG length, CK_BYTE *signature, CK_ULONG *signature_length)
{
	CK_RV rv = CKR_FUNCTION_FAILED;
	struct timespec end;
	bool slow = signature != NULL && slow_end(&end), sick = getenv("EVIL_WHEN") == NULL || exists("EVIL_WHEN");

	while (sick && switched("EVIL_SIGN", "hang")) {
		(void)pause();
		(void)sleep(1); /* pause may be refused by the sandbox */
	}
	if (sick && switched("EVIL_SIGN", "crash")) {
		__builtin_trap();
	}
	if (is_gone()) {
		return CKR_DEVICE_REMOVED;
	}
	if (sick && switched("EVIL_SIGN", "fail")) {
		return CKR_FUNCTION_FAILED;
	}
	rv = real->C_Sign(session, data, length, signature, signature_length);
	if (rv == CKR_OK && signature != NULL && *signature_length > 9 && sick && switched("EVIL_SIGN", "flip")) {
		signature[9] ^= 0x10;
	}
	while (slow && clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR) {
	}
	return rv;
}

static CK_RV evil_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = is_gone() ? CKR_TOKEN_NOT_PRESENT : real->C_GetTokenInfo(slot, info);

	if (rv != CKR_OK) {
		return rv;
	}
	info->flags |= getenv("EVIL_PINPAD") != NULL ? CKF_PROTECTED_AUTHENTICATION_PATH : 0;
	info->flags |= switched("EVIL_FLAGS", "final-try") ? CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW : 0;
	info->flags |= switched("EVIL_FLAGS", "count-low") ? CKF_USER_PIN_COUNT_LOW : 0;
	info->flags |= switched("EVIL_FLAGS", "locked") ? CKF_USER_PIN_LOCKED : 0;
	return CKR_OK;
}

static CK_RV evil_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
	CK_RV rv = real->C_GetSlotInfo(slot, info);

	if (rv == CKR_OK && switched("EVIL_REMOVABLE", "1")) {
		info->flags |= CKF_REMOVABLE_DEVICE;
	}
	if (rv == CKR_OK && is_gone()) {
		info->flags &= ~(CK_FLAGS)CKF_TOKEN_PRESENT;
	}
	return rv;
}

static CK_RV evil_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
	return is_gone() ? CKR_DEVICE_REMOVED : real->C_GetSessionInfo(session, info);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
	const char *path = getenv("EVIL_REAL");
	void *library = dlopen(path != NULL ? path : EVIL_DEFAULT_REAL, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get_list = NULL;

	if (library == NULL) {
		return CKR_GENERAL_ERROR;
	}
	*(void **)&get_list = dlsym(library, "C_GetFunctionList");
	if (get_list == NULL || get_list(&real) != CKR_OK) {
		return CKR_GENERAL_ERROR;
	}
	mine = *real;
	mine.C_GetFunctionList = C_GetFunctionList;
	mine.C_Login = evil_login;
	mine.C_SignInit = evil_sign_init;
	mine.C_DecryptInit = evil_decrypt_init;
	mine.C_Sign = evil_sign;
	mine.C_GetTokenInfo = evil_token_info;
	mine.C_GetSlotInfo = evil_slot_info;
	mine.C_GetSessionInfo = evil_session_info;
	*list = &mine;
	return CKR_OK;
}
