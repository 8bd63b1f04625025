/* A stand-in for NVIDIA's libnvidia-ml.so.1: three cards, as drivers of the 550 series answer. The first is a data-centre
 * card that tells everything but has no fan, the second a GeForce that does not tell its memory's temperature; the third
 * is lost as soon as the file named by FAKE_NVML_LOST exists. Values are of our own. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, GPU_IS_LOST = 15 };

typedef struct { char legacy[16]; unsigned domain, bus, device, pci_id, subsystem; char bus_id[32]; } Pci;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { uint32_t field, scope; int64_t time, latency; unsigned type, result; uint64_t value; } Field;

static intptr_t card(void *handle) { return (intptr_t)handle - 1; }

static int state(void *handle) {
    const char *file = getenv("FAKE_NVML_LOST");
    return card(handle) == 2 && file && access(file, F_OK) == 0 ? GPU_IS_LOST : OK;
}

#define ANSWER(value) do { if (state(handle)) return state(handle); *answer = (value); return OK; } while (0)

int nvmlInitWithFlags(unsigned flags) { return flags == 0 ? OK : NOT_SUPPORTED; }
int nvmlShutdown(void) { return OK; }
const char *nvmlErrorString(int code) { (void)code; return "fake error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { snprintf(text, size, "550.163.01"); return OK; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return OK; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { *handle = (void *)(intptr_t)(index + 1); return OK; }

int nvmlDeviceGetPciInfo_v3(void *handle, Pci *pci) {
    memset(pci, 0, sizeof *pci);
    pci->bus = 0x0a + (unsigned)card(handle);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus);
    return state(handle);
}
int nvmlDeviceGetName(void *handle, char *text, unsigned size) {
    snprintf(text, size, "%s", card(handle) == 0 ? "NVIDIA H200" : "NVIDIA GeForce RTX 4090");
    return state(handle);
}
int nvmlDeviceGetVbiosVersion(void *handle, char *text, unsigned size) {
    snprintf(text, size, "96.00.BC.00.01");
    return state(handle);
}
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *answer) { ANSWER(sensor == 0 ? 41u : 0u); }
int nvmlDeviceGetClockInfo(void *handle, int domain, unsigned *answer) { ANSWER(domain == 0 ? 1980u : 3201u); }
int nvmlDeviceGetPowerUsage(void *handle, unsigned *answer) { ANSWER(118764u); }
int nvmlDeviceGetEnforcedPowerLimit(void *handle, unsigned *answer) { ANSWER(700000u); }
int nvmlDeviceGetFanSpeed(void *handle, unsigned *answer) {
    if (card(handle) == 0) return NOT_SUPPORTED;
    ANSWER(55u);
}
int nvmlDeviceGetPowerManagementLimitConstraints(void *handle, unsigned *lowest, unsigned *highest) {
    *lowest = 200000; *highest = 700000;
    return state(handle);
}
int nvmlDeviceGetMemoryInfo(void *handle, Memory *memory) {
    memory->total = 150754820096ull; memory->free = memory->used = 0;
    return state(handle);
}
int nvmlDeviceGetFieldValues(void *handle, int count, Field *fields) {
    for (int i = 0; i < count; i++) {
        int known = fields[i].field == 82 && card(handle) == 0;
        fields[i].type = 1;
        fields[i].result = known ? OK : NOT_SUPPORTED;
        fields[i].value = known ? 47 : 0;
    }
    return state(handle);
}
