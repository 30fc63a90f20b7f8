// A registered float32 sum (IEEE 754 binary32, rounded to nearest, ties to even), for terms that are float32 as well: what
// `sum += term` is in C. Smaller numbers than 2^-126 are not handled, because they cannot appear: every term is a multiple of
// 2^-18 (mac_fp8_fp8.sv), and so is every sum. Neither can infinity, short of 2^110 terms. NaN stays until `start`.
//
// Five steps, as on paper: order by magnitude, align, add or subtract, bring the leading one back to its place, round.
module float_accumulator (
    input logic clock,
    input logic start,
    input logic [31:0] term,
    output logic [31:0] sum
);
    logic [31:0] previous;
    assign previous = start ? 32'd0 : sum;

    // The larger magnitude is kept in place. Bits of a float without its sign are ordered as their values are.
    logic term_is_larger;
    logic [31:0] greater, lesser;
    assign term_is_larger = term[30:0] > previous[30:0];
    assign greater = term_is_larger ? term : previous;
    assign lesser = term_is_larger ? previous : term;

    // Significands with the hidden bit, and three places below: guard, round, and sticky for everything beyond.
    logic [7:0] distance;
    logic [26:0] kept, unshifted, aligned;
    logic [53:0] shifted;
    assign kept = {greater[30:23] != 0, greater[22:0], 3'd0};
    assign unshifted = {lesser[30:23] != 0, lesser[22:0], 3'd0};
    assign distance = greater[30:23] - lesser[30:23];
    assign shifted = {unshifted, 27'd0} >> (distance > 8'd27 ? 5'd27 : distance[4:0]);
    assign aligned = {shifted[53:28], |shifted[27:0]};

    // The result has the sign of the greater; equal magnitudes of two signs are +0. One adder for both: -n is ~n + 1, and the
    // 1 is the carry out of an extra lowest place.
    logic subtract;
    logic [28:0] carried;
    logic [27:0] magnitude;
    assign subtract = greater[31] ^ lesser[31];
    assign carried = {1'b0, kept, 1'b1} + {subtract, aligned ^ {27{subtract}}, subtract};
    assign magnitude = carried[28:1];

    // Normalize: the leading one moves up to bit 27, in steps of 16, 8, 4, 2 and 1 places.
    logic [27:0] normal;
    logic [4:0] places;
    always_comb begin
        normal = magnitude;
        for (int step = 4; step >= 0; step--) begin
            places[step] = (normal >> (28 - (1 << step))) == 0;
            if (places[step]) normal = normal << (1 << step);
        end
    end

    // Round: bit 4 is the last that stays, 3 the first that goes.
    logic up;
    logic [24:0] rounded;
    logic [7:0] exponent;
    assign up = normal[3] & (|normal[2:0] | normal[4]);
    assign rounded = {1'b0, normal[27:4]} + 25'(up);
    assign exponent = greater[30:23] + 8'd1 - 8'(places) + 8'(rounded[24]);

    logic is_nan;
    assign is_nan = &term[30:23] | &previous[30:23];
    always_ff @(posedge clock)
        if (is_nan) sum <= 32'h7fc00000;
        else if (magnitude == 0) sum <= 32'd0;
        else sum <= {greater[31], exponent, rounded[22:0]};
endmodule
