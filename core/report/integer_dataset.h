// A dataset of integers in an HDF5 file of somebody else's: token ids.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/report/hdf5.h"

namespace perfmamba::report {

/// Read a part at a time. The HDF5 library believes what a file says of itself: one that was damaged on purpose can
/// bring it down.
class IntegerDataset {
public:
    /// @param name the dataset's path; empty: the only one at the root that holds integers, or "tokens"
    /// Throws Error: no HDF5 file, no such dataset, other values, other than one or two axes.
    IntegerDataset(const std::string& file, const std::string& name);

    [[nodiscard]] const std::string& name() const { return m_name; }
    [[nodiscard]] std::int64_t size() const { return m_size; }
    /// Values of a row where there are two axes; otherwise 0.
    [[nodiscard]] std::int64_t rowLength() const { return m_shape.size() == 2 ? m_row : 0; }

    /// Up to `count` values from the `first` on, in the order of rows; none at the end. Of two axes whole rows, where
    /// they are shorter than `count`. Throws Error.
    [[nodiscard]] std::vector<std::int64_t> read(std::int64_t first, std::int64_t count) const;

private:
    void findDataset();
    void examine();
    [[noreturn]] void fail(const std::string& reason) const;

    std::string m_file_name;
    std::string m_name;
    hdf5::Handle m_file;
    hdf5::Handle m_dataset;
    hdf5::Shape m_shape;
    std::int64_t m_row = 1;
    std::int64_t m_size = 0;
};

}  // namespace perfmamba::report
