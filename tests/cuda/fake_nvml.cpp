// A libnvidia-ml of the tests' own: one GPU, whose sensors an environment variable takes away.
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

bool lacking(const char* what) {
    const char* list = std::getenv("FAKE_NVML_LACKS");
    return list && std::strstr(list, what) != nullptr;
}
int g_device = 0;
unsigned long long g_energy_mj = 5'000'000;
constexpr int kNotSupported = 3;

}  // namespace

extern "C" {

int nvmlInit_v2() {
    return lacking("driver") ? 9 : 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** device) {
    if (std::string(id) != "0000:17:00.0") return 6;
    *device = &g_device;
    return 0;
}
int nvmlDeviceGetName(void* device, char* name, unsigned size) {
    if (device != &g_device) return 2;
    std::strncpy(name, "Example H200", size);
    return 0;
}
int nvmlSystemGetDriverVersion(char* text, unsigned size) {
    std::strncpy(text, "580.65.06", size);
    return 0;
}
int nvmlDeviceGetClockInfo(void* device, int kind, unsigned* mhz) {
    if (device != &g_device || lacking("clock")) return kNotSupported;
    *mhz = kind == 1 ? 1980 : kind == 2 ? 3201 : 0;
    return 0;
}
int nvmlDeviceGetTemperature(void* /*device*/, int kind, unsigned* celsius) {
    *celsius = 41;
    return kind == 0 ? 0 : 2;
}
#ifndef FAKE_NVML_OLD
int nvmlDeviceGetPowerUsage(void* /*device*/, unsigned* milliwatt) {
    *milliwatt = 312'500;
    return lacking("power") ? kNotSupported : 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* /*device*/, unsigned long long* millijoule) {
    *millijoule = g_energy_mj += 31'250;
    return lacking("energy") ? kNotSupported : 0;
}
#endif
}
