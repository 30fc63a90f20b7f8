// In what type and with which products jobs compute: the strip's combo box beside the device.
#pragma once

#include <QtWidgets/QComboBox>

#include "core/base/execution.h"

namespace graticule {

class ExecutionChooser final : public QComboBox {
    Q_OBJECT
public:
    explicit ExecutionChooser(QWidget* parent = nullptr);

    void setExecution(const Execution& in_use);

Q_SIGNALS:
    void chosen(const graticule::Execution& execution); ///< by the user
};

} // namespace graticule
