// Views of activations of one element type or another.
#include <QTest>
#include <array>
#include <cstdint>

#include "kernels/elements.h"

using namespace perfmamba;
using namespace perfmamba::kernels;

class TestElements : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void moveByElements() {
        std::array<std::uint16_t, 4> halves{};
        std::array<float, 4> floats{};
        for (const DType type : {DType::F16, DType::BF16}) {
            QCOMPARE((Elements(halves.data(), type) + 3).data, static_cast<void*>(&halves[3]));
            QVERIFY((Elements(halves.data(), type) + 3).type == type);
        }
        Elements view(floats.data());
        view += 2;
        QCOMPARE(view.f32(), &floats[2]);
        QCOMPARE((ConstElements(view) + 1).f32(), &floats[3]);
        QCOMPARE((view + -2).f32(), floats.data());
    }
    void nothingIsFalse() {
        QVERIFY(!Elements());
        QVERIFY(!ConstElements(nullptr));
        const float value = 0;
        QVERIFY(ConstElements(&value));
    }
};

QTEST_APPLESS_MAIN(TestElements)
#include "test_elements.moc"
