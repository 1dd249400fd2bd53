/* log.h - one line per event on standard error: `podatelna-store: warning: text`.
 *
 * Never secrets, never personal data, never names of files of the share: say the case number, the index, the object role instead.
 * Foreign bytes are escaped by the caller (escape.h) or not logged.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

#define LOG_LINE_MAX_BYTES 1024

/* `program` must live as long as the process. PODATELNA_LOG=debug|info|warning|error in the environment sets the level (info). Where
 * systemd's journal reads standard error, each line begins with its severity: `journalctl -p warning`. */
void log_open(const char *program);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
