// dINT3 x INT8 (Lee et al. 2023, section 4.3). Ports: mac_int8_int8.sv. The sum counts half steps.
//
// constants[2:0]: the channel's zero point, 0..5. What a code means, and why the unit holds the zero point:
// dint_value.sv. What an asymmetric channel's zero point differs from 3 is taken off after the sum as for INT, in half steps.
module product_dint3_int8 (
    input logic clock,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [11:0] term
);
    logic [2:0] zero;
    always_ff @(posedge clock) if (load) zero <= constants[2:0];

    logic signed [3:0] half_steps;
    dint_value #(.BITS(3)) value (.code(weight[2:0]), .zero, .half_steps);
    signed_product #(.COLUMNS(8), .ROWS(4)) multiplier (.a(activation), .b(half_steps), .product(term));
endmodule

module mac_dint3_int8 (
    input logic clock,
    input logic start,
    input logic load,
    input logic [11:0] constants,
    input logic [7:0] weight,
    input logic [7:0] activation,
    output logic signed [31:0] sum
);
    logic signed [11:0] term;
    product_dint3_int8 product (.*);
    accumulator #(.WIDTH(12)) total (.*);
endmodule
