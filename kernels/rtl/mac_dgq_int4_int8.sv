// DGQ's expansion of INT4 to INT8 in front of INT8 x INT8 (Zhang et al. 2023, dual grain). Ports: mac_int8_int8.sv.
//
// A weight is (code - zero) x group scale x the channel's float scale. The first two factors are integers and the scale is
// chosen so that their product is at most 127: an INT8 weight, made here from 4 bits. One sum runs over all groups of the
// channel; the float scale is applied once, after it.
//
// constants[11:4]: the group's scale, 1..127; constants[3:0]: its zero point, 0..15.
module product_dgq_int4_int8 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [15:0] term
);
    logic [3:0] zero;
    logic signed [7:0] scale;
    always_ff @(posedge clock) if (load) {scale, zero} <= constants;

    logic signed [4:0] difference;
    assign difference = $signed({1'b0, weight[3:0]}) - $signed({1'b0, zero});
    logic signed [12:0] expanded;
    signed_product #(.COLUMNS(8), .ROWS(5)) expansion (.a(scale), .b(difference), .product(expanded));
    signed_product #(.COLUMNS(8), .ROWS(8)) multiplier (.a(activation), .b(expanded[7:0]), .product(term));
endmodule

module mac_dgq_int4_int8 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [15:0] term;
    product_dgq_int4_int8 product (.*);
    accumulator #(.WIDTH(16)) total (.*);
endmodule
