/* A pretend CUDA device: every call succeeds, kernels do nothing, and what was asked of the device is written to a log. */
#pragma once
#define _GNU_SOURCE
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
/* lives in the cudart library; the others call it */
void pretend_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
