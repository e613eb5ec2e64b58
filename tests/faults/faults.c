/*
 * A disk that fails on demand, for tests: loaded before the C library, it lets calls on files below a folder fail, while
 * and as a file says.
 *
 *   cc -shared -fPIC -o faults.so faults.c
 *   LD_PRELOAD=/path/faults.so FAULTS_BELOW=/path/store FAULTS=/path/control PROGRAM
 *
 * Each line of the control file is `CALL NUMBER PART`: CALL is read, write, sync or change (making, renaming and removing
 * names, and opening for writing), NUMBER the errno, PART a part of the paths that it is about. Without the file nothing
 * fails. It is read at each call, so that faults begin and end while the program runs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* What `call` on `path` fails with; 0 if it does not. */
static int fault(const char *call, const char *path)
{
    const char *below = getenv("FAULTS_BELOW"), *control = getenv("FAULTS");
    char text[1024], kind[16], part[256];
    int saved = errno, number, used;

    if (!below || !control || !path || strncmp(path, below, strlen(below)) != 0)
        return 0;
    long file = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        errno = saved;
        return 0;
    }
    long length = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    errno = saved;
    text[length > 0 ? length : 0] = 0;
    for (const char *line = text; sscanf(line, "%15s %d %255s%n", kind, &number, part, &used) == 3; line += used)
        if (strcmp(kind, call) == 0 && strstr(path + strlen(below), part))
            return number;
    return 0;
}

static int fault_of_file(const char *call, int file)
{
    char link[64], path[PATH_MAX];

    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    int saved = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    path[length > 0 ? length : 0] = 0;
    return fault(call, path);
}

#define NEXT(name) __typeof__(&name) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OF_FILE(type, name, call, parameters, arguments)                                                               \
    type name parameters                                                                                               \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        int number = fault_of_file(call, file);                                                                        \
        if (number) {                                                                                                  \
            errno = number;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return next arguments;                                                                                         \
    }

#define OF_PATH(name, parameters, arguments)                                                                           \
    int name parameters                                                                                                \
    {                                                                                                                  \
        NEXT(name);                                                                                                    \
        int number = fault("change", path);                                                                            \
        if (number) {                                                                                                  \
            errno = number;                                                                                            \
            return -1;                                                                                                 \
        }                                                                                                              \
        return next arguments;                                                                                         \
    }

OF_FILE(ssize_t, read, "read", (int file, void *bytes, size_t count), (file, bytes, count))
OF_FILE(ssize_t, pread64, "read", (int file, void *bytes, size_t count, off64_t at), (file, bytes, count, at))
OF_FILE(ssize_t, write, "write", (int file, const void *bytes, size_t count), (file, bytes, count))
OF_FILE(ssize_t, writev, "write", (int file, const struct iovec *parts, int count), (file, parts, count))
OF_FILE(ssize_t, pwrite64, "write", (int file, const void *bytes, size_t count, off64_t at), (file, bytes, count, at))
OF_FILE(int, fsync, "sync", (int file), (file))
OF_FILE(int, fdatasync, "sync", (int file), (file))

OF_PATH(rename, (const char *path, const char *to), (path, to))
OF_PATH(unlink, (const char *path), (path))
OF_PATH(mkdir, (const char *path, mode_t mode), (path, mode))
OF_PATH(linkat, (int from, const char *path, int into, const char *to, int flags), (from, path, into, to, flags))

int open64(const char *path, int flags, ...)
{
    NEXT(open64);
    va_list rest;
    va_start(rest, flags);
    mode_t mode = va_arg(rest, mode_t);
    va_end(rest);
    int number = (flags & O_ACCMODE) == O_RDONLY ? 0 : fault("change", path);
    if (number) {
        errno = number;
        return -1;
    }
    return next(path, flags, mode);
}
