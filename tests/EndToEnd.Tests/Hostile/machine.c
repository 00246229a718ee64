/* A machine that misbehaves on request, for one process: loaded by LD_PRELOAD, told by a mapped file of two 64-bit numbers, {nanoseconds the clock is wrong by, 1 while the disk is full}. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t calm[2];
static volatile int64_t *state = calm;

__attribute__((constructor)) static void attach(void)
{
    const char *file = getenv("MONITORING_TEST_MACHINE");
    int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0)
    {
        void *map = mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0);
        close(fd);
        if (map != MAP_FAILED)
            state = map;
    }
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int is_full(int fd)
{
    struct stat s;
    return state[1] && fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
    REAL(clock_gettime);
    int result = real(id, t);
    if (result == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        int64_t now = t->tv_sec * 1000000000LL + t->tv_nsec + state[0];
        t->tv_sec = now / 1000000000LL;
        t->tv_nsec = now % 1000000000LL;
    }
    return result;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    t->tv_sec = now.tv_sec;
    t->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *t)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t)
        *t = now.tv_sec;
    return now.tv_sec;
}

#define FULL(fd) if (is_full(fd)) { errno = ENOSPC; return -1; }

ssize_t write(int fd, const void *data, size_t count) { REAL(write); FULL(fd); return real(fd, data, count); }
ssize_t pwrite(int fd, const void *data, size_t count, off_t at) { REAL(pwrite); FULL(fd); return real(fd, data, count, at); }
ssize_t pwrite64(int fd, const void *data, size_t count, off64_t at) { REAL(pwrite64); FULL(fd); return real(fd, data, count, at); }
ssize_t writev(int fd, const struct iovec *data, int count) { REAL(writev); FULL(fd); return real(fd, data, count); }
ssize_t pwritev(int fd, const struct iovec *data, int count, off_t at) { REAL(pwritev); FULL(fd); return real(fd, data, count, at); }
ssize_t pwritev64(int fd, const struct iovec *data, int count, off64_t at) { REAL(pwritev64); FULL(fd); return real(fd, data, count, at); }
int posix_fallocate(int fd, off_t at, off_t count) { REAL(posix_fallocate); if (is_full(fd)) return ENOSPC; return real(fd, at, count); }
int posix_fallocate64(int fd, off64_t at, off64_t count) { REAL(posix_fallocate64); if (is_full(fd)) return ENOSPC; return real(fd, at, count); }
int fallocate(int fd, int mode, off_t at, off_t count) { REAL(fallocate); FULL(fd); return real(fd, mode, at, count); }
int fallocate64(int fd, int mode, off64_t at, off64_t count) { REAL(fallocate64); FULL(fd); return real(fd, mode, at, count); }

/* A sparse file grows without space: what is written into it later would find none. */
int ftruncate(int fd, off_t size) { REAL(ftruncate); struct stat s; if (state[1] && fstat(fd, &s) == 0 && size > s.st_size) { errno = ENOSPC; return -1; } return real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); struct stat s; if (state[1] && fstat(fd, &s) == 0 && size > s.st_size) { errno = ENOSPC; return -1; } return real(fd, size); }
