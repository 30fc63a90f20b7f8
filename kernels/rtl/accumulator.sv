// The register in which every unit with integer sums ends: 32 bits, two's complement, no saturation. The largest term there
// is, 128 x 128, fits 131,071 times.
module accumulator #(
    parameter int WIDTH = 16
) (
    input logic clock,
    input logic start,
    input logic signed [WIDTH-1:0] term,
    output logic signed [31:0] sum
);
    always_ff @(posedge clock) sum <= (start ? 32'sd0 : sum) + 32'(term);
endmodule
