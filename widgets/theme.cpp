#include "widgets/theme.h"

#include <QApplication>
#include <QEvent>
#include <QFile>
#include <QPainter>
#include <QPalette>
#include <QProxyStyle>
#include <QStyleOption>
#include <QSvgRenderer>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/report/colours.h"

namespace perfmamba::widgets {
namespace {

Colours makeLight() {
    return {QColor(0xF3F4F6), QColor(0xFFFFFF), QColor(0xE8EAEE), QColor(0xD5D9DF), QColor(0xE6E8EC),
            QColor(0x1B1F24), QColor(0x5F6874), QColor(0x4650C8), QColor(0x9A5B00), QColor(0xB3261E)};
}

Colours makeDark() {
    return {QColor(0x191B1F), QColor(0x212429), QColor(0x2C3037), QColor(0x3A3F47), QColor(0x2F333A),
            QColor(0xE3E6EB), QColor(0x98A1AD), QColor(0x929CFF), QColor(0xE9B44C), QColor(0xFF8A80)};
}

QColor mix(const QColor& a, const QColor& b, double b_share) {
    const auto part = [b_share](float x, float y) { return static_cast<float>(x * (1 - b_share) + y * b_share); };
    return QColor::fromRgbF(part(a.redF(), b.redF()), part(a.greenF(), b.greenF()), part(a.blueF(), b.blueF()));
}

double luminance(const QColor& c) {
    return 0.2126 * c.redF() + 0.7152 * c.greenF() + 0.0722 * c.blueF();
}

QPalette paletteOf(const Colours& c) {
    QPalette p;
    const auto set = [&p](QPalette::ColorRole role, const QColor& colour) { p.setColor(role, colour); };
    set(QPalette::Window, c.window);
    set(QPalette::WindowText, c.text);
    set(QPalette::Base, c.surface);
    set(QPalette::AlternateBase, mix(c.surface, c.raised, 0.4));
    set(QPalette::Text, c.text);
    set(QPalette::Button, c.raised);
    set(QPalette::ButtonText, c.text);
    set(QPalette::BrightText, c.error);
    set(QPalette::ToolTipBase, c.surface);
    set(QPalette::ToolTipText, c.text);
    set(QPalette::PlaceholderText, c.muted);
    set(QPalette::Highlight, mix(c.surface, c.accent, 0.28));
    set(QPalette::HighlightedText, c.text);
    set(QPalette::Link, c.accent);
    set(QPalette::Light, mix(c.raised, c.surface, 0.5));
    set(QPalette::Midlight, c.raised);
    set(QPalette::Mid, c.border);
    set(QPalette::Dark, mix(c.border, c.text, 0.2));
    set(QPalette::Shadow, mix(c.border, c.text, 0.4));
    const QColor faint = mix(c.muted, c.window, 0.45);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::HighlightedText}) {
        p.setColor(QPalette::Disabled, role, faint);
    }
    return p;
}

/// Fusion, but for what is hardly seen in the dark.
class Style : public QProxyStyle {
public:
    Style() : QProxyStyle(QStringLiteral("Fusion")) {}

    void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                       const QWidget* widget) const override {
        if (element == PE_IndicatorHeaderArrow) {
            drawSortArrow(*option, *painter);
            return;
        }
        QProxyStyle::drawPrimitive(element, option, painter, widget);
        if (element != PE_IndicatorCheckBox) return;
        painter->setPen(option->palette.color(QPalette::Shadow));
        painter->setBrush(Qt::NoBrush);
        painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
    }
    /// At the end where the text does not begin, so that it covers none of it.
    [[nodiscard]] QRect subElementRect(SubElement element, const QStyleOption* option,
                                       const QWidget* widget) const override {
        const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(option);
        if (element != SE_HeaderArrow || header == nullptr) return QProxyStyle::subElementRect(element, option, widget);
        QRect arrow(0, 0, kSortArrow, kSortArrow);
        arrow.moveCenter(header->rect.center());
        if (header->textAlignment & Qt::AlignRight) {
            arrow.moveLeft(header->rect.left() + kSortArrowGap);
        } else {
            arrow.moveRight(header->rect.right() - kSortArrowGap);
        }
        return arrow;
    }
    [[nodiscard]] QIcon standardIcon(StandardPixmap icon, const QStyleOption* option,
                                     const QWidget* widget) const override {
        if (icon == SP_ToolBarHorizontalExtensionButton) return theme().icon(QStringLiteral("more"));
        return QProxyStyle::standardIcon(icon, option, widget);
    }

private:
    static constexpr int kSortArrow = 8;  // pixels
    static constexpr int kSortArrowGap = 2;

    /// Upwards where the rows ascend.
    static void drawSortArrow(const QStyleOption& option, QPainter& painter) {
        const auto* header = qstyleoption_cast<const QStyleOptionHeader*>(&option);
        if (header == nullptr || header->sortIndicator == QStyleOptionHeader::None) return;
        const QRectF box = QRectF(option.rect).adjusted(0.5, 2, -0.5, -2);
        // Qt's names say where the arrow's base is: SortDown stands for ascending rows.
        const bool up = header->sortIndicator == QStyleOptionHeader::SortDown;
        const double base = up ? box.bottom() : box.top();
        const double tip = up ? box.top() : box.bottom();
        painter.save();
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(option.palette.color(QPalette::WindowText));
        const std::array<QPointF, 3> corners = {QPointF(box.left(), base), QPointF(box.right(), base),
                                                QPointF(box.center().x(), tip)};
        painter.drawConvexPolygon(corners.data(), static_cast<int>(corners.size()));
        painter.restore();
    }
};

QString styleSheetOf(const Colours& c, bool dark) {
    // Only what the palette cannot say: spacing, hairlines, and the flat look of bars and headers.
    QString qss = QStringLiteral(R"(
QMainWindow::separator { background: %border; width: 1px; height: 1px; }
QMainWindow::separator:hover { background: %accent; }
QToolBar { background: %window; border: 0; border-bottom: 1px solid %border; padding: 4px 6px; spacing: 4px; }
QToolBar::separator { background: %border; width: 1px; margin: 4px 5px; }
QToolButton { border: 1px solid transparent; border-radius: 4px; padding: 3px 7px; }
QToolButton:hover:enabled { background: %raised; }
QToolButton:pressed, QToolButton:checked { background: %checked; border-color: %accentsoft; }
QToolButton:focus { border-color: %accent; }
QToolButton#qt_toolbar_ext_button { padding: 0; }
QToolButton::menu-indicator { image: none; width: 0; }
QToolButton[chip="true"] { padding: 2px 5px; border: 1px solid %border; border-radius: 9px; color: %muted; }
QToolButton[chip="true"]:checked { background: %checked; border-color: %accent; color: %text; }
QToolButton[segment="true"] { border: 1px solid %border; border-radius: 0; padding: 2px 8px; color: %muted; }
QToolButton[segment="true"]:checked { background: %checked; color: %text; border-color: %accentsoft; }
QToolButton[primary="true"]:enabled { background: %accent; color: %onaccent; border-color: %accent; font-weight: 600; }
QToolButton[primary="true"]:hover:enabled { background: %accenthover; }
QToolButton[primary="true"]:focus { border-color: %text; }
QPushButton { background: %surface; border: 1px solid %border; border-radius: 4px; padding: 6px 14px; }
QPushButton:hover { background: %raised; }
QPushButton:focus { border-color: %accent; }
QLineEdit { background: %surface; border: 1px solid %border; border-radius: 4px; padding: 2px 5px; }
QLineEdit:focus { border-color: %accent; }
QPushButton[primary="true"] { background: %accent; color: %onaccent; border: 1px solid %accent; border-radius: 4px;
  padding: 6px 16px; font-weight: 600; }
QPushButton[primary="true"]:hover { background: %accenthover; }
QPushButton[primary="true"]:focus { border-color: %text; }
QPushButton[primary="true"]:disabled { background: %raised; border-color: %border; color: %muted; }
QDockWidget { titlebar-close-icon: none; titlebar-normal-icon: none; }
QDockWidget::title { background: %window; padding: 5px 8px; border-bottom: 1px solid %border; }
QTabBar#pages { background: %window; }
QTabBar#pages::tab { background: transparent; color: %muted; padding: 6px 14px; border: 0;
  border-bottom: 2px solid %window; min-height: 18px; }
QTabBar#pages::tab:selected { color: %text; border-bottom: 2px solid %accent; }
QTabBar#pages::tab:hover { color: %text; }
QTabBar#pages::tab:focus { color: %accent; }
QHeaderView { background: %surface; border: 0; }
QTableCornerButton::section { background: %surface; border: 0; border-bottom: 1px solid %border; }
QHeaderView::section:vertical { border: 0; padding-left: 12px; }
QHeaderView::section { background: %surface; color: %muted; border: 0; padding: 3px 6px; }
QHeaderView::section:horizontal { border-bottom: 1px solid %border; }
QTableView { border: 0; background: %surface; gridline-color: %grid; }
QTableView::item { padding: 0 6px; border: 0; }
QSplitter::handle { background: %border; }
QSplitter::handle:hover { background: %accent; }
QStatusBar { background: %window; border-top: 1px solid %border; }
QStatusBar::item { border: 0; }
QToolTip { background: %surface; color: %text; border: 1px solid %border; padding: 4px; }
QFrame[panel="true"] { background: %surface; }
QLabel[muted="true"] { color: %muted; }
QLabel[heading="true"] { color: %muted; }
QLabel[notice="true"] { background: %raised; border-left: 3px solid %accent; padding: 4px 10px; }
QLabel[warning="true"] { color: %warning; }
QProgressBar { border: 0; border-radius: 2px; background: %raised; max-height: 4px; }
QProgressBar::chunk { background: %accent; border-radius: 2px; }
QScrollArea { border: 0; background: transparent; }
)");
    const QColor on_accent = Theme::textOn(c.accent);
    const std::array<std::pair<QString, QColor>, 14> names = {{
        {QStringLiteral("%accentsoft"), mix(c.surface, c.accent, 0.5)},
        {QStringLiteral("%accenthover"), mix(c.accent, dark ? QColor(Qt::white) : QColor(Qt::black), 0.12)},
        {QStringLiteral("%onaccent"), on_accent},
        {QStringLiteral("%accent"), c.accent},
        {QStringLiteral("%checked"), mix(c.surface, c.accent, dark ? 0.26 : 0.14)},
        {QStringLiteral("%window"), c.window},
        {QStringLiteral("%surface"), c.surface},
        {QStringLiteral("%raised"), c.raised},
        {QStringLiteral("%border"), c.border},
        {QStringLiteral("%grid"), c.grid},
        {QStringLiteral("%muted"), c.muted},
        {QStringLiteral("%text"), c.text},
        {QStringLiteral("%error"), c.error},
        {QStringLiteral("%warning"), c.warning},
    }};
    for (const auto& [key, colour] : names) qss.replace(key, colour.name());
    return qss;
}

}  // namespace

Theme& Theme::instance() {
    static Theme theme;
    return theme;
}

Theme::Theme() = default;

const Colours& Theme::colours() const {
    static const Colours light = makeLight();
    static const Colours dark = makeDark();
    return m_dark ? dark : light;
}

void Theme::setChoice(ThemeChoice choice) {
    m_choice = choice;
    apply();
}

void Theme::apply() {
    if (m_applying) return;
    m_applying = true;
    static bool first = true;
    if (first) {
        QApplication::setStyle(new Style);
        qApp->installEventFilter(this);
        first = false;
    }
    // An empty palette gives back the platform's own: Qt 6.4 has no other way to ask for dark or light.
    qApp->setPalette(QPalette());
    const QPalette system = QApplication::palette();
    const bool system_dark = luminance(system.color(QPalette::Window)) < luminance(system.color(QPalette::WindowText));
    m_dark = m_choice == ThemeChoice::Dark || (m_choice == ThemeChoice::System && system_dark);
    qApp->setPalette(paletteOf(colours()));
    qApp->setStyleSheet(styleSheetOf(colours(), m_dark));
    m_applying = false;
    Q_EMIT changed();
}

bool Theme::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::ThemeChange && m_choice == ThemeChoice::System && !m_applying) {
        QMetaObject::invokeMethod(
            this, [this] { apply(); }, Qt::QueuedConnection);
    }
    return QObject::eventFilter(watched, event);
}

QColor Theme::of(Component component) const {
    const report::Colour colour = report::colourOf(component);
    return {m_dark ? colour.dark : colour.light};
}

QBrush Theme::brushOf(Component component) const {
    return component == Component::Other ? QBrush(of(component), Qt::BDiagPattern) : QBrush(of(component));
}

QColor Theme::of(MemoryKind kind) const {
    const report::Colour colour = report::colourOf(kind);
    return {m_dark ? colour.dark : colour.light};
}

QColor Theme::of(Stage stage) const {
    const QColor base = of(Component::Ssm);
    const QColor white(Qt::white);
    const QColor black(Qt::black);
    switch (stage) {
        case Stage::Whole: return base;
        case Stage::Cumsum: return mix(base, white, 0.55);
        case Stage::ChunkState: return mix(base, white, 0.32);
        case Stage::StatePassing: return mix(base, black, 0.38);
        case Stage::ChunkScan: return mix(base, black, 0.16);
        case Stage::Observation: return mix(base, white, 0.72);
    }
    return base;
}

QColor Theme::faded(const QColor& colour) const {
    return mix(colour, colours().surface, 0.68);
}

QColor Theme::textOn(const QColor& colour) {
    return luminance(colour) > 0.52 ? QColor(0x14171B) : QColor(0xFFFFFF);
}

QColor Theme::magnitude(double position) {
    static constexpr std::array<unsigned, 9> kViridis = {0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C,
                                                         0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725};
    if (!(position > 0)) return {kViridis.front()};
    const double at = std::min(position, 1.0) * (kViridis.size() - 1);
    const auto lower = std::min(static_cast<std::size_t>(at), kViridis.size() - 2);
    return mix(QColor(kViridis[lower]), QColor(kViridis[lower + 1]), at - static_cast<double>(lower));
}

QColor Theme::difference(double position) {
    // ColorBrewer's RdBu, with white in the middle; its ends are told apart by the colour-blind.
    static constexpr std::array<unsigned, 9> kStops = {0x2166AC, 0x4393C3, 0x92C5DE, 0xD1E5F0, 0xFFFFFF,
                                                       0xFDDBC7, 0xF4A582, 0xD6604D, 0xB2182B};
    const double at = (std::clamp(position, -1.0, 1.0) + 1) / 2 * (kStops.size() - 1);
    const auto lower = std::min(static_cast<std::size_t>(at), kStops.size() - 2);
    return mix(QColor(kStops[lower]), QColor(kStops[lower + 1]), at - static_cast<double>(lower));
}

QColor Theme::difference(bool more) const {
    if (more) return m_dark ? QColor(0xF4A582) : QColor(0xB2182B);
    return m_dark ? QColor(0x92C5DE) : QColor(0x2166AC);
}

QFont Theme::smallFont() {
    QFont font = QApplication::font();
    font.setPointSizeF(std::max(7.0, font.pointSizeF() * 0.9));
    return font;
}

QFont Theme::headingFont() {
    QFont font = smallFont();
    font.setWeight(QFont::DemiBold);
    return font;
}

QPixmap Theme::chip(Component component, int side, double device_pixel_ratio) const {
    const int pixels = static_cast<int>(std::ceil(side * device_pixel_ratio));
    QPixmap pixmap(pixels, pixels);
    pixmap.setDevicePixelRatio(device_pixel_ratio);
    pixmap.fill(Qt::transparent);
    QPainter painter(&pixmap);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.setPen(component == Component::Other ? QPen(of(component), 1) : QPen(Qt::NoPen));
    painter.setBrush(brushOf(component));
    painter.drawRoundedRect(QRectF(1, 1, side - 2, side - 2), 2, 2);
    return pixmap;
}

QIcon Theme::icon(const QString& name, bool accented) const {
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    if (!file.open(QIODevice::ReadOnly)) return {};
    const QByteArray source = file.readAll();
    const Colours& c = colours();
    QIcon icon;
    const auto add = [&](const QColor& colour, QIcon::Mode mode) {
        QByteArray svg = source;
        svg.replace("currentColor", colour.name().toLatin1());
        QSvgRenderer renderer(svg);
        for (const int side : {16, 20, 24, 32, 40, 48, 64}) {
            QPixmap pixmap(side, side);
            pixmap.fill(Qt::transparent);
            QPainter painter(&pixmap);
            renderer.render(&painter);
            painter.end();
            icon.addPixmap(pixmap, mode);
        }
    };
    add(accented ? textOn(c.accent) : c.text, QIcon::Normal);
    add(mix(c.muted, c.window, 0.5), QIcon::Disabled);
    return icon;
}

}  // namespace perfmamba::widgets
