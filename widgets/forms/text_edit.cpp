#include "widgets/forms/text_edit.h"

#include <QtWidgets/QComboBox>
#include <QtWidgets/QFileDialog>
#include <QtWidgets/QHBoxLayout>
#include <QtWidgets/QLineEdit>
#include <QtWidgets/QPushButton>
#include <QtWidgets/QVBoxLayout>

namespace graticule {

PathEdit::PathEdit(Kind kind, const QString& filter, QWidget* parent)
    : QWidget(parent)
    , kind_(kind)
    , filter_(filter)
    , line_(new QLineEdit) {
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(0, 0, 0, 0);
    auto* browse_button = new QPushButton(tr("Browse …"));
    line_->setAccessibleName(kind == Kind::file ? tr("File") : tr("Folder"));
    line_->setMinimumWidth(300);
    row->addWidget(line_, 1);
    browse_button->setAutoDefault(false); // Enter in a dialog means its own action
    row->addWidget(browse_button);
    connect(browse_button, &QPushButton::clicked, this, &PathEdit::browse);
    connect(line_, &QLineEdit::textChanged, this, &PathEdit::changed);
}

void PathEdit::setPath(const QString& path) { line_->setText(path); }

void PathEdit::setHint(const QString& hint) {
    line_->setPlaceholderText(hint);
    line_->setAccessibleName(hint);
    line_->setMinimumWidth(120); // in a panel, which may be narrow
}

QString PathEdit::path() const { return line_->text().trimmed(); }

void PathEdit::browse() {
    const QString chosen = kind_ == Kind::file
                               ? QFileDialog::getOpenFileName(this, tr("Choose a file"), path(), filter_)
                               : QFileDialog::getSaveFileName(this, tr("New folder"), path());
    if (!chosen.isEmpty()) line_->setText(chosen);
}

TextEdit::TextEdit(const QString& built_in_name, const QString& path, QWidget* parent)
    : QWidget(parent)
    , which_(new QComboBox)
    , file_(new PathEdit(PathEdit::Kind::file, tr("Text (*.txt *.raw *.md *.jsonl);;All files (*)"))) {
    which_->addItems({built_in_name, tr("a file")});
    which_->setAccessibleName(tr("Text"));
    which_->setCurrentIndex(path.isEmpty() ? 0 : 1);
    file_->setPath(path);
    file_->setVisible(!path.isEmpty());
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->addWidget(which_);
    column->addWidget(file_);
    connect(which_, &QComboBox::currentIndexChanged, this, [this](int item) {
        file_->setVisible(item == 1);
        Q_EMIT changed();
    });
    connect(file_, &PathEdit::changed, this, &TextEdit::changed);
}

QString TextEdit::path() const { return which_->currentIndex() == 0 ? QString() : file_->path(); }

} // namespace graticule
