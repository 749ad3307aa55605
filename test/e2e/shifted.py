"""A clock of the server's own, which a test sets: a library loaded before the others adds a shift to
the time of day, and takes it off again where the program waits until a time of day. Time may pass
(advance), or the time of day alone may leap. Clocks that only measure run as ever, but for the one
that tells the two apart. For tests."""
import mmap
import os
import shutil
import struct
import subprocess
import time

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile long long *shift_ns; /* of the time of day, and of the steady clock */

__attribute__((constructor)) static void begin(void)
{
    const char *const path = getenv("SHIFTED_CLOCK");
    const int fd = path != NULL ? open(path, O_RDONLY) : -1;
    void *const at = fd >= 0 ? mmap(NULL, 16, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    shift_ns = at != MAP_FAILED ? at : NULL;
}

static void shift(struct timespec *time, long long by_ns)
{
    const long long ns = time->tv_nsec + by_ns % 1000000000;
    time->tv_sec += by_ns / 1000000000 + (ns >= 1000000000) - (ns < 0);
    time->tv_nsec = (ns + 1000000000) % 1000000000;
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    const int code = (int)syscall(SYS_clock_gettime, id, out);
    if (code == 0 && shift_ns != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        shift(out, *shift_ns);
    } else if (code == 0 && shift_ns != NULL && id == CLOCK_BOOTTIME) {
        shift(out, shift_ns[1]);
    }
    return code;
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL) {
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    }
    struct timespec own = *until;
    if (shift_ns != NULL && own.tv_sec > 1000000000) { /* a time of day */
        shift(&own, -*shift_ns);
    }
    return real(condition, mutex, &own);
}
"""


class Clock:
    """What servers that are started under it take for the time of day."""

    def __init__(self, folder):
        compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        assert compiler, "a C compiler makes the clock that tests set: run tools/setup"
        self.library, self.file = folder / "shifted.so", folder / "shift"
        (folder / "shifted.c").write_text(SOURCE)
        subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", self.library,
                        folder / "shifted.c", "-ldl", "-pthread"], check=True)
        self.file.write_bytes(bytes(16))
        self.shared = mmap.mmap(os.open(self.file, os.O_RDWR), 16)

    def environment(self):
        return {"LD_PRELOAD": str(self.library), "SHIFTED_CLOCK": str(self.file)}

    @property
    def shift_ns(self):
        return struct.unpack("<qq", self.shared[:])[0]

    def now(self):
        return time.time() + self.shift_ns / 1e9

    def set(self, day, steady):
        day_ns, steady_ns = struct.unpack("<qq", self.shared[:])
        self.shared[:] = struct.pack("<qq", day_ns + round(day * 1e9), steady_ns + round(steady * 1e9))

    def advance(self, seconds):
        """Time passes."""
        self.set(seconds, seconds)

    def leap(self, seconds):
        """Somebody sets the time of day."""
        self.set(seconds, 0)

    def before_minute(self, seconds):
        """Onwards to so many seconds before the next minute that is as far away at least."""
        self.advance((60 - seconds - self.now()) % 60)


@pytest.fixture(name="clock")
def fixture_clock(tmp_path, monkeypatch):
    """Servers started from here on go by it."""
    folder = tmp_path / "clock"
    folder.mkdir()
    clock = Clock(folder)
    for name, value in clock.environment().items():
        monkeypatch.setenv(name, value)
    return clock
