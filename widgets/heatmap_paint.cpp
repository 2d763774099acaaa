// How the heatmap is painted: cells into an image at the screen's own pixels, contour, frames, axes and colour bar over
// it.
#include <QPainter>
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "widgets/format.h"
#include "widgets/heatmap.h"
#include "widgets/theme.h"

namespace perfmamba::widgets {
namespace {

constexpr int kBar = 11;         // width of the colour bar
constexpr int kBarGap = 10;      // between cells and bar
constexpr int kTick = 4;         // between bar or cells and their numbers
constexpr double kGapFrom = 11;  // cells at least so large, in pixels, stand apart
constexpr double kSmall = 8;     // cells smaller than this get a dense hatch and thin frames
constexpr int kHatchPeriod = 5;  // pixels from line to line
constexpr int kDenseHatchPeriod = 3;
constexpr double kClearContour = 5;  // cells at least so large leave room for any contour
constexpr std::int64_t kBusy = 6;    // contour pieces a row, beyond which smaller cells would drown in it
/// Not in viridis, so it reads on all of it, in either theme.
constexpr QRgb kContour = 0xFFFF5A4F;

struct LevelColours {
    std::array<QRgb, 256> fill{};
    std::array<QRgb, 256> hatch{};
};

/// Level 0 is what is missing: the surface shows.
const LevelColours& levelColours() {
    static const LevelColours colours = [] {
        LevelColours made;
        for (std::size_t level = 1; level < made.fill.size(); ++level) {
            const QColor fill = Theme::magnitude((static_cast<double>(level) - 1) / 254);
            // White but for the brightest fifth: lines that change colour midway would look like a border.
            const QColor over = level < 205 ? Qt::white : Qt::black;
            constexpr float kStrength = 0.6F;
            const auto part = [](float a, float b) { return a * (1 - kStrength) + b * kStrength; };
            made.fill[level] = fill.rgba();
            made.hatch[level] = QColor::fromRgbF(part(fill.redF(), over.redF()), part(fill.greenF(), over.greenF()),
                                                 part(fill.blueF(), over.blueF()))
                                    .rgba();
        }
        return made;
    }();
    return colours;
}

/// The cells under one pixel after another, from `first`, `count` of them over `pixels`.
struct Stretch {
    std::int64_t begin = 0;
    std::int64_t end = 0;
    bool gap = false;  // between cells that stand apart
};
std::vector<Stretch> stretchesOf(double first, double count, int pixels, std::int64_t limit, bool gaps) {
    std::vector<Stretch> stretches(static_cast<std::size_t>(pixels));
    const double step = count / pixels;
    for (int i = 0; i < pixels; ++i) {
        Stretch& stretch = stretches[static_cast<std::size_t>(i)];
        const auto begin = static_cast<std::int64_t>(std::floor(first + i * step + (step < 1 ? step / 2 : 0)));
        const auto end = step > 1 ? static_cast<std::int64_t>(std::floor(first + (i + 1) * step)) : begin + 1;
        stretch.begin = std::clamp<std::int64_t>(begin, 0, limit);
        stretch.end = std::clamp<std::int64_t>(std::max(end, begin + 1), 0, limit);
        stretch.gap = gaps && i > 0 && stretches[static_cast<std::size_t>(i) - 1].begin != stretch.begin;
    }
    return stretches;
}

QString superscript(int number) {
    static const QString kDigits = QStringLiteral("⁰¹²³⁴⁵⁶⁷⁸⁹");
    QString text = number < 0 ? QStringLiteral("⁻") : QString();
    for (const QChar digit : QString::number(std::abs(number))) text += kDigits[digit.digitValue()];
    return text;
}

/// "0.02", "1 000", "5×10⁻⁷".
QString tickText(double value) {
    const double size = std::abs(value);
    if (size == 0 || (size >= 1e-3 && size < 1e4)) return QString::number(value, 'g', 4);
    const auto power = static_cast<int>(std::floor(std::log10(size) + 1e-9));
    const QString digits = QString::number(value / std::pow(10.0, power), 'g', 3);
    const QString ten = QStringLiteral("10") + superscript(power);
    return digits == QLatin1String("1") ? ten : digits + QStringLiteral("×") + ten;
}

int numbersWidth(const QFontMetrics& metrics) {
    return metrics.horizontalAdvance(QStringLiteral("5×10⁻⁷"));
}

}  // namespace

QRectF Heatmap::areaOf(QSize size) const {
    const QFontMetrics metrics(font());
    const double last = m_data.y.first + static_cast<double>(m_data.rows) * m_data.y.step;
    const int numbers = metrics.horizontalAdvance(grouped(static_cast<qint64>(last)));
    const int left = metrics.height() + numbers + 3 * kTick;
    const int right = kBarGap + kBar + 2 * kTick + numbersWidth(metrics);
    const int bottom = 2 * metrics.height() + kTick;
    return {static_cast<double>(left), 6.0, std::max(1.0, static_cast<double>(size.width() - left - right)),
            std::max(1.0, static_cast<double>(size.height() - bottom - 6))};
}

void Heatmap::paintEvent(QPaintEvent* /*event*/) {
    QPainter painter(this);
    painter.fillRect(rect(), theme().colours().surface);
    paint(painter, size(), devicePixelRatioF(), true);
}

void Heatmap::paint(QPainter& painter, QSize size, double scale, bool on_screen) {
    if (m_data.rows == 0 || m_data.columns == 0) return;
    const QRectF area = areaOf(size);
    if (on_screen) {
        const QSize pixels = (area.size() * scale).toSize();
        if (m_stale || m_image.size() != pixels) m_image = render(pixels, scale);
        m_stale = false;
        painter.drawImage(area, m_image);
    } else {
        painter.drawImage(area, render((area.size() * scale).toSize(), scale));
    }
    painter.save();
    painter.setClipRect(area.adjusted(-2, -2, 2, 2));
    paintContour(painter, area);
    paintFrames(painter, area, on_screen);
    painter.restore();
    paintAxes(painter, area);
    paintBar(painter, area);
}

QImage Heatmap::render(QSize pixels, double scale) const {
    QImage image(pixels, QImage::Format_RGB32);
    image.fill(theme().colours().surface);
    LevelColours colours = levelColours();
    colours.fill[0] = colours.hatch[0] = theme().colours().surface.rgb();
    const double cell_width = pixels.width() / m_view.width() / scale;
    const double cell_height = pixels.height() / m_view.height() / scale;
    const bool counted = m_data.x.step == 1 && m_data.y.step == 1;  // else neighbours run into each other
    const auto across =
        stretchesOf(m_view.left(), m_view.width(), pixels.width(), m_data.columns, counted && cell_width >= kGapFrom);
    const auto down =
        stretchesOf(m_view.top(), m_view.height(), pixels.height(), m_data.rows, counted && cell_height >= kGapFrom);
    const auto period =
        static_cast<std::size_t>(std::min(cell_width, cell_height) < kSmall ? kDenseHatchPeriod : kHatchPeriod);
    const int line = std::max(1, static_cast<int>(std::lround(scale)));
    std::vector<std::uint8_t> levels(across.size());
    std::vector<std::uint8_t> hatched(across.size());
    bool any_hatched = false;
    const uchar* same = nullptr;  // a line that is already painted as the next ones are
    for (std::size_t y = 0; y < down.size(); ++y) {
        if (y == 0 || down[y].begin != down[y - 1].begin) {
            for (std::size_t x = 0; x < across.size(); ++x) {
                levels[x] = 0;
                hatched[x] = 0;
                for (std::int64_t row = down[y].begin; row < down[y].end; ++row) {
                    for (std::int64_t column = across[x].begin; column < across[x].end; ++column) {
                        const auto cell = static_cast<std::size_t>(row * m_data.columns + column);
                        if (m_levels[cell] <= levels[x]) continue;
                        levels[x] = m_levels[cell];
                        hatched[x] = m_data.hatched.empty() ? std::uint8_t{0} : m_data.hatched[cell];
                    }
                }
            }
            any_hatched = std::any_of(hatched.begin(), hatched.end(), [](std::uint8_t flag) { return flag != 0; });
            same = nullptr;
        }
        if (down[y].gap) continue;
        uchar* line_bytes = image.scanLine(static_cast<int>(y));
        if (same != nullptr && !any_hatched) {
            std::copy(same, same + image.bytesPerLine(), line_bytes);
            continue;
        }
        same = line_bytes;
        auto* to = reinterpret_cast<QRgb*>(line_bytes);
        for (std::size_t x = 0; x < across.size(); ++x) {
            if (across[x].gap) continue;
            const bool on_line = hatched[x] != 0 && (x + y) / static_cast<std::size_t>(line) % period == 0;
            to[x] = on_line ? colours.hatch[levels[x]] : colours.fill[levels[x]];
        }
    }
    return image;
}

void Heatmap::paintContour(QPainter& painter, const QRectF& area) const {
    if (m_data.outlined.empty()) return;
    const auto first_row = std::max<std::int64_t>(0, static_cast<std::int64_t>(m_view.top()));
    const auto first_column = std::max<std::int64_t>(0, static_cast<std::int64_t>(m_view.left()));
    const auto rows = std::min(m_data.rows, static_cast<std::int64_t>(std::ceil(m_view.bottom())));
    const auto columns = std::min(m_data.columns, static_cast<std::int64_t>(std::ceil(m_view.right())));
    const auto parted = [&](const Cell& a, const Cell& b) {
        const auto at = [&](const Cell& cell) {
            return static_cast<std::size_t>(cell.row * m_data.columns + cell.column);
        };
        return exists(a) && exists(b) && m_data.outlined[at(a)] != m_data.outlined[at(b)];
    };
    QVector<QLineF> lines;
    const auto add = [&](std::int64_t x0, std::int64_t y0, std::int64_t x1, std::int64_t y1) {
        const QRectF piece(QPointF(static_cast<double>(x0), static_cast<double>(y0)),
                           QPointF(static_cast<double>(x1), static_cast<double>(y1)));
        const QRectF drawn = rectOf(area, piece);
        lines.push_back({drawn.topLeft(), drawn.bottomRight()});
    };
    // Between neighbours of a column, then of a row; runs of pieces become one line.
    for (std::int64_t row = first_row; row + 1 < rows; ++row) {
        for (std::int64_t column = first_column; column < columns; ++column) {
            const std::int64_t begin = column;
            while (column < columns && parted({row, column}, {row + 1, column})) ++column;
            if (column > begin) add(begin, row + 1, column, row + 1);
        }
    }
    for (std::int64_t column = first_column; column + 1 < columns; ++column) {
        for (std::int64_t row = first_row; row < rows; ++row) {
            const std::int64_t begin = row;
            while (row < rows && parted({row, column}, {row, column + 1})) ++row;
            if (row > begin) add(column + 1, begin, column + 1, row);
        }
    }
    const double least = std::min(area.width() / m_view.width(), area.height() / m_view.height());
    if (least < kClearContour && lines.size() > kBusy * (rows - first_row)) return;
    painter.setPen(QPen(QColor::fromRgba(kContour), least < 2 * kClearContour ? 1 : 2));
    painter.drawLines(lines);
}

void Heatmap::paintFrames(QPainter& painter, const QRectF& area, bool on_screen) const {
    const Colours& c = theme().colours();
    const auto frame = [&](const QRectF& cells, double width) {
        const QRectF rect = rectOf(area, cells);
        painter.setBrush(Qt::NoBrush);
        if (std::min(rect.width(), rect.height()) < kSmall && std::max(cells.width(), cells.height()) > 1) {
            // A halo would cover the neighbours.
            painter.setPen(QPen(c.text, 1));
            painter.drawRect(rect.adjusted(-1, -1, 0, 0));
            return;
        }
        painter.setPen(QPen(c.surface, width + 2));
        painter.drawRect(rect);
        painter.setPen(QPen(c.text, width));
        painter.drawRect(rect);
    };
    for (const QRect& cells : m_framed) frame(cells, &cells == &m_framed.back() ? 2 : 1);
    if (on_screen && hasFocus() && exists(m_cursor)) {
        frame({static_cast<double>(m_cursor.column), static_cast<double>(m_cursor.row), 1, 1}, 2);
    }
}

void Heatmap::paintAxes(QPainter& painter, const QRectF& area) const {
    const Colours& c = theme().colours();
    const QFontMetrics metrics = painter.fontMetrics();
    QFont bold = painter.font();
    bold.setBold(true);
    // Numbers at the middle of counted cells; where a cell stands for several, at its beginning. A framed row or column
    // tells its own, and its neighbours make room.
    struct Side {
        const HeatmapAxis& axis;
        double begin, count, pixels, room;
        std::optional<int> framed;
    };
    const auto each = [&](const Side& side, auto draw) {
        const double per_cell = side.pixels / side.count;
        const double middle = side.axis.step == 1 ? 0.5 : 0;
        const auto place = [&](double number) {
            return ((number - side.axis.first) / side.axis.step + middle - side.begin) * per_cell;
        };
        const auto text = [](double number) { return grouped(static_cast<qint64>(number)); };
        double taken = -std::numeric_limits<double>::infinity();
        if (side.framed) {
            const double number = side.axis.first + *side.framed * side.axis.step;
            taken = place(number);
            painter.setFont(bold);
            painter.setPen(c.text);
            if (taken >= 0 && taken <= side.pixels) draw(taken, text(number));
            painter.setFont(font());
        }
        painter.setPen(c.muted);
        const double step = niceStep(std::max(side.axis.step == 1 ? 1.0 : 0.0, side.room / per_cell * side.axis.step));
        auto tick = static_cast<std::int64_t>(std::ceil((side.axis.first + side.begin * side.axis.step) / step - 1e-9));
        for (double at = place(static_cast<double>(tick) * step); at <= side.pixels + 0.5;
             at = place(static_cast<double>(++tick) * step)) {
            if (at >= 0 && std::abs(at - taken) >= side.room) draw(at, text(static_cast<double>(tick) * step));
        }
    };
    const QRect framed = m_framed.empty() ? QRect() : m_framed.back();
    const double last_x = m_data.x.first + static_cast<double>(m_data.columns) * m_data.x.step;
    const double room = metrics.horizontalAdvance(grouped(static_cast<qint64>(last_x))) + 20;
    each({m_data.x, m_view.left(), m_view.width(), area.width(), room,
          framed.width() == 1 ? std::optional(framed.left()) : std::nullopt},
         [&](double at, const QString& text) {
             painter.drawText(QRectF(area.left() + at - 60, area.bottom() + 2, 120, metrics.height()), Qt::AlignCenter,
                              text);
         });
    each({m_data.y, m_view.top(), m_view.height(), area.height(), metrics.height() + 2.0,
          framed.height() == 1 ? std::optional(framed.top()) : std::nullopt},
         [&](double at, const QString& text) {
             painter.drawText(
                 QRectF(0, area.top() + at - metrics.height() / 2.0, area.left() - kTick, metrics.height()),
                 Qt::AlignRight | Qt::AlignVCenter, text);
         });
    painter.drawText(QRectF(area.left(), area.bottom() + metrics.height() + 1, area.width(), metrics.height()),
                     Qt::AlignCenter, m_data.x.name);
    painter.save();
    painter.translate(metrics.height() / 2.0 + kTick, area.center().y());
    painter.rotate(-90);
    painter.drawText(QRectF(-area.height() / 2, -metrics.height() / 2.0, area.height(), metrics.height()),
                     Qt::AlignCenter, m_data.y.name);
    painter.restore();
}

void Heatmap::paintBar(QPainter& painter, const QRectF& area) const {
    const Colours& c = theme().colours();
    const QFontMetrics metrics = painter.fontMetrics();
    const QRectF bar(area.right() + kBarGap, area.top(), kBar, area.height());
    QLinearGradient gradient(bar.bottomLeft(), bar.topLeft());
    constexpr int kStops = 8;
    for (int i = 0; i <= kStops; ++i) gradient.setColorAt(i / double(kStops), Theme::magnitude(i / double(kStops)));
    painter.fillRect(bar, gradient);
    painter.setPen(c.muted);
    const auto number = [&](double position, const QString& text) {
        const double y = bar.bottom() - position * bar.height();
        painter.drawText(QRectF(bar.right() + kTick, y - metrics.height() / 2.0, 120, metrics.height()),
                         Qt::AlignLeft | Qt::AlignVCenter, text);
    };
    const ColourScale* scale = &m_data.scales.front();
    if (m_data.scales.size() > 1) {
        // Each row has its own: that of the row under the mouse is told.
        scale = m_hover ? &m_data.scales[static_cast<std::size_t>(m_hover->row)] : nullptr;
    }
    if (scale == nullptr) {
        number(0, tr("least"));
        number(1, tr("most"));
    } else {
        const int room = static_cast<int>(bar.height() / (metrics.height() * 1.8));
        for (const double tick : ticksOf(*scale, std::clamp(room, 1, 6))) number(scale->position(tick), tickText(tick));
    }
    if (!m_hover || !exists(*m_hover) || scale == nullptr) return;
    const float value = m_data.values[static_cast<std::size_t>(m_hover->row * m_data.columns + m_hover->column)];
    const double y = bar.bottom() - scale->position(static_cast<double>(value)) * bar.height();
    painter.setPen(QPen(c.text, 2));
    painter.drawLine(QPointF(bar.left() - 3, y), QPointF(bar.right() + 3, y));
}

}  // namespace perfmamba::widgets
