// The wheel scrolls and never changes a value in passing.
#include <QtGui/QWheelEvent>
#include <QtTest/QTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QComboBox>
#include <QtWidgets/QDoubleSpinBox>
#include <QtWidgets/QVBoxLayout>

#include "tests/support/test_main.h"
#include "widgets/forms/wheel_guard.h"

using namespace graticule;

namespace {
void turn_wheel(QWidget& over) {
    const QPointF at(5, 5);
    QWheelEvent event(at, over.mapToGlobal(at), {0, 0}, {0, -120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                      false);
    QApplication::sendEvent(&over, &event);
}
} // namespace

class WheelGuardTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void a_box_takes_the_wheel_only_with_the_focus() {
        WheelGuard guard;
        qApp->installEventFilter(&guard);
        QWidget form;
        auto* column = new QVBoxLayout(&form);
        auto* box = new QComboBox;
        box->addItems({QStringLiteral("channel"), QStringLiteral("group of 32"), QStringLiteral("tensor")});
        auto* number = new QDoubleSpinBox;
        auto* other = new QDoubleSpinBox;
        for (QWidget* widget :
             {static_cast<QWidget*>(box), static_cast<QWidget*>(number), static_cast<QWidget*>(other)})
            column->addWidget(widget);
        number->setValue(5);
        form.show();
        QVERIFY(QTest::qWaitForWindowExposed(&form));
        form.activateWindow(); // a virtual screen has no window manager to do it
        QVERIFY(QTest::qWaitForWindowActive(&form));
        other->setFocus();
        for (QWidget* widget : {static_cast<QWidget*>(box), static_cast<QWidget*>(number)}) {
            turn_wheel(*widget);
            QVERIFY(!widget->hasFocus()); // nor does it get the focus by that
        }
        QCOMPARE(box->currentIndex(), 0);
        QCOMPARE(number->value(), 5.0);
        box->setFocus();
        turn_wheel(*box);
        QCOMPARE(box->currentIndex(), 1);
        number->setFocus();
        turn_wheel(*number);
        QCOMPARE(number->value(), 4.0);
        qApp->removeEventFilter(&guard);
    }
};

GRATICULE_TEST(WheelGuardTest);
#include "tst_wheel_guard.moc"
