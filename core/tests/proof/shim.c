/* Stands between a process under test and its files, loaded with LD_PRELOAD. Of every file below CRANE_SHIM_ROOT it
 *
 *  - records what would change the disk, in order, to CRANE_SHIM_TRACE (format: trace.rs), so that a test can work out
 *    what a power loss after any step could leave behind;
 *  - makes calls fail, as a full disk or a failing device does.
 *
 * It is told what to do by opening names that no system has, so that the test needs no pointers:
 *
 *  /crane-shim/mark/TEXT        writes TEXT into the trace
 *  /crane-shim/fail/MODE/N      from now on the N-th step fails, or every step from the N-th, as MODE says; N counts from 1
 *  /crane-shim/fail/off/0       nothing fails any more
 *  /crane-shim/steps            opens a file that holds the number of steps since the last `fail`
 *
 * Shared memory (-shm) is not durable and not traced, but it takes space, so it can fail. Linux only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define COMMANDS "/crane-shim/"
#define MAX_FD 4096

/* What a step costs: space, a transfer, or a change of names. */
enum { SPACE = 1, READ = 2, WRITE = 4, SYNC = 8, NAME = 16 };

/* MODE: which steps count, from which or only which one fails, and with what. SHORT: the failing write comes half through. */
struct mode { const char *name; int counts; int persists; int error; int halved; };
static const struct mode MODES[] = {
    {"off", 0, 0, 0, 0},
    {"full", SPACE, 1, ENOSPC, 0},
    {"full-once", SPACE, 0, ENOSPC, 0},
    {"full-short", SPACE, 1, ENOSPC, 1},
    {"io", WRITE | SYNC | NAME, 1, EIO, 0},
    {"io-once", WRITE | SYNC | NAME, 0, EIO, 0},
    {"read-once", READ, 0, EIO, 0},
};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static const char *root;
static size_t root_len;
static int trace = -1;
static const struct mode *mode = MODES;
static long fail_at, steps;
/* Files below the root, by descriptor: 0 not ours, else a number that is never used twice; negative: not traced. */
static int32_t handles[MAX_FD];
static int32_t last_handle;

static ssize_t raw_write(int fd, const void *bytes, size_t len) { return syscall(SYS_write, fd, bytes, len); }

__attribute__((constructor)) static void begin(void) {
    root = getenv("CRANE_SHIM_ROOT");
    root_len = root ? strlen(root) : 0;
    const char *path = getenv("CRANE_SHIM_TRACE");
    if (path) trace = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* One record: kind, handle, position, length of what follows, and that. */
static void record(char kind, int32_t handle, uint64_t at, const void *bytes, uint32_t len) {
    if (trace < 0 || handle < 0) return;
    char head[17];
    head[0] = kind;
    memcpy(head + 1, &handle, 4);
    memcpy(head + 5, &at, 8);
    memcpy(head + 13, &len, 4);
    if (raw_write(trace, head, sizeof head) != (ssize_t)sizeof head || raw_write(trace, bytes, len) != (ssize_t)len) abort();
}

static void record_text(char kind, int32_t handle, const char *text) { record(kind, handle, 0, text, (uint32_t)strlen(text)); }

/* The absolute form of a path, if it is below the root. */
static const char *below(int folder, const char *path, char *space) {
    if (!root) return NULL;
    if (path[0] != '/') {
        char link[64];
        ssize_t len;
        if (folder == AT_FDCWD) {
            if (!getcwd(space, PATH_MAX)) return NULL;
            len = (ssize_t)strlen(space);
        } else {
            snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
            len = readlink(link, space, PATH_MAX - 1);
            if (len < 0) return NULL;
        }
        snprintf(space + len, PATH_MAX - (size_t)len, "/%s", path);
        path = space;
    }
    int inside = strncmp(path, root, root_len) == 0 && (path[root_len] == '/' || path[root_len] == 0);
    return inside ? path : NULL;
}

static int32_t handle_of(int fd) { return fd >= 0 && fd < MAX_FD ? handles[fd] : 0; }

/* Counts a step. Its error, or 0. Shared memory takes space, and no device can fail under it. */
static int step(int32_t handle, int cost) {
    if (!(mode->counts & (handle < 0 ? cost & SPACE : cost))) return 0;
    steps++;
    return fail_at && (mode->persists ? steps >= fail_at : steps == fail_at) ? mode->error : 0;
}

static int command(const char *text) {
    char name[32];
    long n;
    if (strncmp(text, "mark/", 5) == 0) record_text('M', 0, text + 5);
    if (sscanf(text, "fail/%31[^/]/%ld", name, &n) == 2) {
        mode = NULL;
        for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++)
            if (strcmp(MODES[i].name, name) == 0) mode = &MODES[i];
        if (!mode) abort();
        fail_at = n;
        steps = 0;
    }
    if (strcmp(text, "steps") == 0) {
        int fd = memfd_create("steps", MFD_CLOEXEC);
        if (fd < 0 || dprintf(fd, "%ld", steps) < 0 || lseek(fd, 0, SEEK_SET) < 0) abort();
        return fd;
    }
    errno = ENOENT;
    return -1;
}

static int ends_with(const char *text, const char *end) {
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static int open_below(int folder, const char *path, const char *full, int flags, mode_t bits) {
    struct stat before;
    int existed = fstatat(folder, path, &before, 0) == 0;
    int traced = !ends_with(full, "-shm");
    int error = !existed && (flags & O_CREAT) ? step(traced ? 1 : -1, SPACE | NAME) : 0;
    if (error) {
        errno = error;
        return -1;
    }
    int fd = (int)syscall(SYS_openat, folder, path, flags, bits);
    if (fd < 0 || fd >= MAX_FD) return fd;
    handles[fd] = traced ? ++last_handle : -1;
    record_text(existed ? 'o' : 'c', handles[fd], full + root_len);
    if (existed && (flags & O_TRUNC)) record('t', handles[fd], 0, "", 0);
    return fd;
}

static int do_open(int folder, const char *path, int flags, mode_t bits) {
    char space[PATH_MAX];
    pthread_mutex_lock(&lock);
    int fd;
    const char *full;
    if (strncmp(path, COMMANDS, strlen(COMMANDS)) == 0) fd = command(path + strlen(COMMANDS));
    else if ((full = below(folder, path, space))) fd = open_below(folder, path, full, flags, bits);
    else fd = (int)syscall(SYS_openat, folder, path, flags, bits);
    pthread_mutex_unlock(&lock);
    return fd;
}

static mode_t bits_of(int flags, va_list rest) {
    return flags & O_CREAT ? (mode_t)va_arg(rest, unsigned) : 0;
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t bits = bits_of(flags, rest); \
        va_end(rest); \
        return do_open(AT_FDCWD, path, flags, bits); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t bits = bits_of(flags, rest); \
        va_end(rest); \
        return do_open(folder, path, flags, bits); \
    }
OPENAT(openat)
OPENAT(openat64)

int creat(const char *path, mode_t bits) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, bits); }

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < MAX_FD) handles[fd] = 0;
    int result = (int)syscall(SYS_close, fd);
    pthread_mutex_unlock(&lock);
    return result;
}

/* Writes at a position, or where the descriptor stands. */
static ssize_t do_write(int fd, const void *bytes, size_t len, int64_t at) {
    pthread_mutex_lock(&lock);
    int32_t handle = handle_of(fd);
    int error = handle ? step(handle, SPACE | WRITE) : 0;
    int64_t here = handle && at < 0 ? lseek(fd, 0, SEEK_CUR) : at;
    ssize_t done = -1;
    if (error && mode->halved && len > 1 && steps == fail_at) {
        len /= 2;
        error = 0;
    }
    if (error) errno = error;
    else done = at < 0 ? raw_write(fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, at);
    if (done > 0 && handle) record('w', handle, (uint64_t)here, bytes, (uint32_t)done);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t len) { return do_write(fd, bytes, len, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) { return do_write(fd, bytes, len, at); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) { return do_write(fd, bytes, len, at); }

/* A vectored write may be short: the first part that holds something is enough, and the caller goes on. */
static ssize_t do_writev(int fd, const struct iovec *parts, int count, int64_t at) {
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len) return do_write(fd, parts[i].iov_base, parts[i].iov_len, at);
    return do_write(fd, "", 0, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count) { return do_writev(fd, parts, count, -1); }
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return do_writev(fd, parts, count, at); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return do_writev(fd, parts, count, at); }

static int fails(int fd, int cost) {
    pthread_mutex_lock(&lock);
    int error = handle_of(fd) ? step(handle_of(fd), cost) : 0;
    pthread_mutex_unlock(&lock);
    if (error) errno = error;
    return error;
}

ssize_t read(int fd, void *bytes, size_t len) { return fails(fd, READ) ? -1 : syscall(SYS_read, fd, bytes, len); }
ssize_t pread(int fd, void *bytes, size_t len, off_t at) {
    return fails(fd, READ) ? -1 : syscall(SYS_pread64, fd, bytes, len, at);
}
ssize_t pread64(int fd, void *bytes, size_t len, off64_t at) {
    return fails(fd, READ) ? -1 : syscall(SYS_pread64, fd, bytes, len, at);
}

static int do_truncate(int fd, int64_t len) {
    pthread_mutex_lock(&lock);
    int32_t handle = handle_of(fd);
    struct stat now;
    int grows = handle && fstat(fd, &now) == 0 && now.st_size < len;
    int error = handle ? step(handle, grows ? SPACE | WRITE : WRITE) : 0;
    int result = -1;
    if (error) errno = error;
    else result = (int)syscall(SYS_ftruncate, fd, len);
    if (result == 0 && handle) record('t', handle, (uint64_t)len, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t len) { return do_truncate(fd, len); }
int ftruncate64(int fd, off64_t len) { return do_truncate(fd, len); }

/* Not offered: then SQLite and the standard library write instead, which is traced. */
int fallocate(int fd, int how, off_t at, off_t len) {
    (void)at, (void)len, (void)how;
    errno = handle_of(fd) ? EOPNOTSUPP : ENOSYS;
    return -1;
}
int fallocate64(int fd, int how, off64_t at, off64_t len) { return fallocate(fd, how, at, len); }
int posix_fallocate(int fd, off_t at, off_t len) {
    (void)fd, (void)at, (void)len;
    return EINVAL;
}
int posix_fallocate64(int fd, off64_t at, off64_t len) { return posix_fallocate(fd, at, len); }

static int do_sync(int fd, long call) {
    pthread_mutex_lock(&lock);
    int32_t handle = handle_of(fd);
    int error = handle ? step(handle, SYNC) : 0, result = -1;
    if (error) errno = error;
    else result = (int)syscall(call, fd);
    if (result == 0 && handle) record('s', handle, 0, "", 0);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd) { return do_sync(fd, SYS_fsync); }
int fdatasync(int fd) { return do_sync(fd, SYS_fdatasync); }

/* A change of names: `kind` with the path, and for a renaming with both, NUL between. */
static int do_name(char kind, int folder, const char *path, int to_folder, const char *to, long call, long extra) {
    char space[PATH_MAX], to_space[PATH_MAX], both[2 * PATH_MAX];
    pthread_mutex_lock(&lock);
    const char *full = below(folder, path, space), *to_full = to ? below(to_folder, to, to_space) : NULL;
    int error = full ? step(1, kind == 'd' ? NAME | SPACE : NAME) : 0;
    long result = -1;
    if (error) errno = error;
    else if (to) result = syscall(call, folder, path, to_folder, to, extra);
    else result = syscall(call, folder, path, extra);
    if (result == 0 && full && !ends_with(full, "-shm")) {
        size_t len = (size_t)snprintf(both, sizeof both, "%s", full + root_len);
        if (to_full) len += 1 + (size_t)snprintf(both + len + 1, sizeof both - len - 1, "%s", to_full + root_len);
        record(kind, 0, 0, both, (uint32_t)len);
    }
    pthread_mutex_unlock(&lock);
    return (int)result;
}

int rename(const char *from, const char *to) { return do_name('r', AT_FDCWD, from, AT_FDCWD, to, SYS_renameat2, 0); }
int renameat(int folder, const char *from, int to_folder, const char *to) {
    return do_name('r', folder, from, to_folder, to, SYS_renameat2, 0);
}
int unlink(const char *path) { return do_name('u', AT_FDCWD, path, 0, NULL, SYS_unlinkat, 0); }
int unlinkat(int folder, const char *path, int flags) { return do_name('u', folder, path, 0, NULL, SYS_unlinkat, flags); }
int mkdir(const char *path, mode_t bits) { return do_name('d', AT_FDCWD, path, 0, NULL, SYS_mkdirat, (long)bits); }
int mkdirat(int folder, const char *path, mode_t bits) { return do_name('d', folder, path, 0, NULL, SYS_mkdirat, (long)bits); }
