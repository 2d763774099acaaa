// A GPU's sensors, read from libraries of the tests' own: all of them, some of them, none.
#include <QTest>

#include "kernels/cuda/nvml/sampler.h"

using namespace perfmamba;
using namespace perfmamba::kernels::cuda::nvml;

namespace {

constexpr const char* kGpu = "0000:17:00.0";

}  // namespace

class TestNvml : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void init() { qunsetenv("FAKE_NVML_LACKS"); }

    void readsAll() {
        const Sensors sensors(kGpu, FAKE_NVML);
        QCOMPARE(sensors.name(), std::string("Example H200"));
        const DeviceReading reading = sensors.read();
        QCOMPARE(reading.clock_mhz, std::optional(1980.0));
        QCOMPARE(reading.memory_clock_mhz, std::optional(3201.0));
        QCOMPARE(reading.power_w, std::optional(312.5));
        QCOMPARE(reading.temperature_c, std::optional(41.0));
        QVERIFY(reading.energy_j && *reading.energy_j > 5000);
        QCOMPARE(reading.source, std::string("NVML, driver 580.65.06"));
        QCOMPARE(reading.missing, std::string());
        QVERIFY(reading.time_s > 0);
    }

    void sensorsThatAreNotThere() {
        qputenv("FAKE_NVML_LACKS", "clock,energy");
        const DeviceReading reading = Sensors(kGpu, FAKE_NVML).read();
        QVERIFY(!reading.clock_mhz && !reading.energy_j);
        QCOMPARE(reading.power_w, std::optional(312.5));
        QCOMPARE(reading.missing, std::string("this GPU does not tell: clock, memory clock, energy"));
    }

    void functionsThatAreNotThere() {
        const DeviceReading reading = Sensors(kGpu, FAKE_NVML_OLD).read();
        QCOMPARE(reading.clock_mhz, std::optional(1980.0));
        QVERIFY(!reading.power_w && !reading.energy_j);
        QCOMPARE(reading.missing, std::string("this GPU does not tell: power, energy"));
    }

    void noLibrary() {
        const Sensors sensors(kGpu, "/nowhere/libnvidia-ml.so.1");
        QCOMPARE(sensors.missing(), std::string("NVML, the driver's library for sensors, is not there"));
        QVERIFY(!sensors.read().known());
        QCOMPARE(sensors.read().missing, sensors.missing());
    }

    void noNvml() {
        const Sensors sensors(kGpu, "libm.so.6");
        QVERIFY(sensors.missing().find("is no NVML") != std::string::npos);
    }

    void noDriver() {
        qputenv("FAKE_NVML_LACKS", "driver");
        QCOMPARE(Sensors(kGpu, FAKE_NVML).missing(), std::string("NVML finds no driver"));
    }

    void anotherGpu() {
        QCOMPARE(Sensors("0000:99:00.0", FAKE_NVML).missing(),
                 std::string("0000:99:00.0: NVML does not know this GPU"));
    }

    void samplesInTheBackground() {
        const Sampler sampler(kGpu, FAKE_NVML, std::chrono::milliseconds(5));
        const DeviceReading first = sampler.latest();
        QTRY_VERIFY(*sampler.latest().energy_j > *first.energy_j);
        QVERIFY(sampler.latest().time_s > first.time_s);
        const Sampler without(kGpu, "/nowhere/libnvidia-ml.so.1");
        QVERIFY(!without.latest().known());
    }
};

QTEST_GUILESS_MAIN(TestNvml)
#include "test_nvml.moc"
