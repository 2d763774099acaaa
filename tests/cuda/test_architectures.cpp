// Which GPUs a build has code for.
#include <QTest>

#include "kernels/cuda/plugin/architectures.h"

using perfmamba::kernels::cuda::whyNoCode;

class TestArchitectures : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void fits_data() {
        QTest::addColumn<QString>("architectures");
        QTest::addColumn<int>("major");
        QTest::addColumn<int>("minor");
        QTest::addColumn<bool>("fits");
        const auto row = [](const char* architectures, int major, int minor, bool fits) {
            QTest::addRow("%s on %d.%d", architectures, major, minor)
                << QString::fromLatin1(architectures) << major << minor << fits;
        };
        row("75-virtual,80-virtual", 7, 5, true);
        row("75-virtual,80-virtual", 9, 0, true);
        row("75-virtual,80-virtual", 12, 0, true);
        row("75-virtual,80-virtual", 7, 0, false);
        row("80-real", 8, 0, true);
        row("80-real", 8, 9, true);
        row("80-real", 9, 0, false);
        row("86-real", 8, 0, false);
        row("90a-real", 9, 0, true);
        row("90a-real", 8, 0, false);
        row("90a-real", 10, 0, false);
        row("75-real,90a-real,120", 12, 1, true);
        row("75-real,90a-real,120", 10, 3, false);
        row("100f-real", 10, 3, true);
        row("native", 5, 0, true);  // whatever it came to
        row("", 9, 0, false);
    }
    void fits() {
        QFETCH(QString, architectures);
        QFETCH(int, major);
        QFETCH(int, minor);
        QFETCH(bool, fits);
        const std::string why = whyNoCode(architectures.toStdString(), major, minor);
        QCOMPARE(why.empty(), fits);
        // It says what to do.
        if (!fits) QVERIFY(why.find("PERFMAMBA_CUDA_ARCHITECTURES=" + std::to_string(major)) != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestArchitectures)
#include "test_architectures.moc"
