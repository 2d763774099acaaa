// Loading a model: it tells how far it is, and can be stopped.
#include <QTest>

#include "core/engine/engine.h"
#include "kernels/devices.h"
#include "kernels/error.h"

using namespace perfmamba;

class TestLoading : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void tells() {
        std::vector<double> told;
        const engine::Engine engine(demo(), kernels::makeBackend("cpu", {}),
                                    {.observer = [&](double done) { told.push_back(done); }});
        QCOMPARE(std::ssize(told), engine.config().n_layer);
        QVERIFY(std::ranges::is_sorted(told));
        QVERIFY(told.front() > 0);
        QCOMPARE(told.back(), 1.0);
    }

    /// At once, and later: what was loaded until then is given back with the backend.
    void stops() {
        for (const int layers : {0, 2}) {
            std::stop_source source;
            int loaded = 0;
            if (layers == 0) source.request_stop();
            engine::Loading loading;
            loading.observer = [&](double) {
                if (++loaded == layers) source.request_stop();
            };
            loading.stop = source.get_token();
            QVERIFY_THROWS_EXCEPTION(Cancelled, engine::Engine(demo(), kernels::makeBackend("cpu", {}), loading));
            QCOMPARE(loaded, layers);
        }
    }

private:
    static std::shared_ptr<const model::Checkpoint> demo() {
        return model::Checkpoint::open(PERFMAMBA_SOURCE_DIR "/resources/demo/mamba2-bytes");
    }
};

QTEST_GUILESS_MAIN(TestLoading)
#include "test_loading.moc"
