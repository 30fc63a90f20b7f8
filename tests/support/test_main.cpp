#include "tests/support/test_main.h"

#include <QtTest/QTest>
#include <cstdio>

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

namespace {

/// Whether the class has one of the functions ("name" or "name:row") asked for, or none was asked for.
bool is_wanted(const QObject& test, int argc, char** argv) {
    bool asked = false;
    for (int i = 1; i < argc; ++i) {
        if (argv[i][0] == '-') continue;
        asked = true;
        const QByteArray name = QByteArray(argv[i]).split(':').front() + "()";
        if (test.metaObject()->indexOfMethod(name) >= 0) return true;
    }
    return !asked;
}

} // namespace

#ifdef __SANITIZE_ADDRESS__
// Tests ask for more memory than there is, to see what is said then: that has to fail as an allocation does.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

// Runs every registered class; with arguments, Qt Test's own (a function's name runs only in the classes that have it).
int main(int argc, char** argv) {
    qputenv("QTEST_DISABLE_STACK_DUMP", "1"); // a debugger on a hung test takes minutes and says little
    Application application(argc, argv);
    // A crash is for the system to report: Qt Test's handler can say "Received signal 11" without end.
    std::vector<char*> arguments(argv, argv + argc);
    arguments.push_back(const_cast<char*>("-nocrashhandler"));
    int failed = 0, ran = 0;
    for (const auto& factory : graticule::testing::test_classes()) {
        const std::unique_ptr<QObject> test = factory();
        if (!is_wanted(*test, argc, argv)) continue;
        ++ran;
        failed += QTest::qExec(test.get(), static_cast<int>(arguments.size()), arguments.data());
    }
    if (ran == 0) std::fputs("no test has that name; -functions lists them\n", stderr); // nothing ran: no success
    return failed == 0 && ran > 0 ? 0 : 1;
}
