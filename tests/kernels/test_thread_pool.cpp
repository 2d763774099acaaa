#include <sys/resource.h>

#include <QTest>
#include <QThread>
#include <atomic>
#include <numeric>
#include <vector>

#include "kernels/cpu/thread_pool.h"
#include "kernels/error.h"

using perfmamba::kernels::cpu::ThreadPool;

class TestThreadPool : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyTaskOnce_data() {
        QTest::addColumn<int>("threads");
        for (const int threads : {1, 2, 3, 8}) QTest::newRow(qPrintable(QString::number(threads))) << threads;
    }
    void everyTaskOnce() {
        QFETCH(int, threads);
        ThreadPool pool(threads);
        QCOMPARE(pool.threads(), threads);
        for (int round = 0; round < 2000; ++round) {
            const std::int64_t count = round % 7;
            std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
            pool.run(count, [&](std::int64_t i) { ++calls[static_cast<std::size_t>(i)]; });
            for (const std::atomic<int>& call : calls) QCOMPARE(call.load(), 1);
        }
    }

    /// A system that gives too few threads is said so, and those it gave are gone.
    void tooManyThreads() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        QSKIP("a sanitizer needs the address space");
#endif
        rlimit before{};
        QCOMPARE(::getrlimit(RLIMIT_AS, &before), 0);
        const rlimit tight{2'000'000'000, before.rlim_max};
        QCOMPARE(::setrlimit(RLIMIT_AS, &tight), 0);
        bool refused = false;
        try {
            const ThreadPool pool(1000);
        } catch (const perfmamba::Error& error) {
            refused = QString::fromUtf8(error.what()).startsWith(u"threads: ");
        }
        ::setrlimit(RLIMIT_AS, &before);
        QVERIFY(refused);
    }

    /// What tasks wrote is there when run() returns, also after the workers have gone to sleep.
    void resultsAreVisible() {
        ThreadPool pool(4);
        for (int round = 0; round < 20; ++round) {
            QThread::msleep(2);
            std::vector<int> values(1000);
            pool.run(1000, [&](std::int64_t i) { values[static_cast<std::size_t>(i)] = static_cast<int>(i); });
            QCOMPARE(std::accumulate(values.begin(), values.end(), 0), 499500);
        }
    }
};

QTEST_GUILESS_MAIN(TestThreadPool)
#include "test_thread_pool.moc"
