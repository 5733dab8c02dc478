/* Preloaded into a program, makes one of its system calls fail, hang or be its last:
   FAULT="fsync:2:EIO" is the second fsync of the process; instead of EIO also KILL, TERM, INT or HANG.
   FAULT_IN names the program that is meant, for what it starts inherits the variables. Another FAULT begins to count anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int meant(const char *call) {
    static atomic_int calls;
    const char *fault = getenv("FAULT"), *program = getenv("FAULT_IN");
    if (!fault || !program || strncmp(program_invocation_short_name, program, strlen(program))) return 0;
    size_t length = strlen(call);
    if (strncmp(fault, call, length) || fault[length] != ':') return 0;
    static char last[64];
    if (strncmp(last, fault, sizeof last - 1)) { strncpy(last, fault, sizeof last - 1); calls = 0; }
    int wanted = atoi(fault + length + 1);
    return atomic_fetch_add(&calls, 1) + 1 == wanted;
}

static int act(const char *call) {
    if (!meant(call)) return 0;
    const char *what = strrchr(getenv("FAULT"), ':') + 1;
    if (!strcmp(what, "KILL")) kill(getpid(), SIGKILL);
    if (!strcmp(what, "TERM")) kill(getpid(), SIGTERM);
    if (!strcmp(what, "INT")) kill(getpid(), SIGINT);
    if (!strcmp(what, "HANG")) pause();
    if (!strcmp(what, "EIO")) { errno = EIO; return -1; }
    return 0;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

int fsync(int descriptor) {
    REAL(fsync);
    return act("fsync") ? -1 : real(descriptor);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    return act("rename") ? -1 : real(from, to);
}

/* Small writes are messages. */
ssize_t write(int descriptor, const void *data, size_t size) {
    REAL(write);
    return size > 4096 && act("write") ? -1 : real(descriptor, data, size);
}

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    REAL(fwrite);
    return size * count > 512 && act("fwrite") ? 0 : real(data, size, count, file);
}
