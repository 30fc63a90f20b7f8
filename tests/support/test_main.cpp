#include "tests/support/test_main.h"

#include <QtTest/QTest>

#ifdef QT_WIDGETS_LIB
#include <QtWidgets/QApplication>
using Application = QApplication;
#else
#include <QtCore/QCoreApplication>
using Application = QCoreApplication;
#endif

namespace graticule::testing {
std::vector<Factory>& test_classes() {
    static std::vector<Factory> classes;
    return classes;
}
} // namespace graticule::testing

// Runs every registered class; with arguments, Qt Test's own (a function name runs only in the classes that have it).
int main(int argc, char** argv) {
    Application application(argc, argv);
    int failed = 0;
    for (const auto& factory : graticule::testing::test_classes()) {
        const std::unique_ptr<QObject> test = factory();
        failed += QTest::qExec(test.get(), argc, argv);
    }
    return failed == 0 ? 0 : 1;
}
